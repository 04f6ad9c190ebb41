import { join, resolve } from 'node:path'

/** Where everything lives: `.isthmus/` in the working folder, or `ISTHMUS_HOME`. */
export interface Home {
  readonly directory: string
  readonly cache: string
  readonly results: string
}

/** The home of this process. Nothing is created. */
export function isthmusHome(environment: NodeJS.ProcessEnv = process.env): Home {
  const directory = resolve(environment.ISTHMUS_HOME ?? '.isthmus')
  return { directory, cache: join(directory, 'cache'), results: join(directory, 'results.duckdb') }
}
