/** The folder of the built page, which is built first where the sources have changed. */
export function builtDashboard(): Promise<string>
