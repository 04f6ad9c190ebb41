/** What is built, and where. */
export interface BuildOptions {
  /** The folder of builds. */
  readonly distribution: string
  /** Files, and folders with all that is in them, that the build is made of. */
  readonly sources: readonly string[]
  /** Write it into a folder that is not there yet. */
  build(folder: string): Promise<void>
}

/** Build into `distribution/<digest of the sources>/`, where it stays until the sources or the locked dependencies change.
 *
 *  It is there whole or not at all, and several processes may want it at once. A build older than a day goes when the
 *  next is made, but for the youngest three.
 *  @returns Its folder.
 */
export function buildOnce(options: BuildOptions): Promise<string>

/** Programs for Node. */
export interface ProgramOptions {
  /** The folder of builds: within the workspace, so that packages are found from it. */
  readonly distribution: string
  /** As in `BuildOptions`, beside the sources of all packages. */
  readonly sources: readonly string[]
  /** Each program's first file, by the name of the program. */
  readonly programs: Readonly<Record<string, string>>
}

/** Bundle programs, `<name>.mjs` each, which start in a fraction of the time that their sources would take to load.
 *
 *  @returns Their folder.
 */
export function buildPrograms(options: ProgramOptions): Promise<string>

/** Bundle the programs that a package's tests start: each file of its folder `test/programs/`.
 *
 *  @param root The package's folder.
 *  @param otherSources What the programs import beside it, other than the sources of packages.
 *  @returns The path of a program by its name.
 */
export function buildTestPrograms(root: URL, otherSources?: readonly URL[]): Promise<(name: string) => string>
