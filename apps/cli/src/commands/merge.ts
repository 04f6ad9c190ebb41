export async function mergeCommand(_a: string, _b: string, _options: unknown): Promise<void> {}
