import { type Cache, openSource, type Source } from '@isthmus/dataflow'
import { remembered } from './remembered.ts'

/** Which files are meant by a path of the settings. */
export interface FilesOfSetting<Kind extends string> {
  /** What operations are told of the files. */
  readonly kind: Kind
  readonly path: string
  /** Of which part of the folder, where it has several, e.g. the split of a task. */
  readonly part?: string
}

/** Brings the files that settings name into the graph of operations, each set of them once, however many variants of a
 *  study name it.
 */
export class SettingSources {
  readonly #cache: Cache
  readonly #resolvePath: (path: string) => string
  readonly #opened = new Map<string, Promise<Source<{ kind: string }>>>()

  constructor({ cache, resolvePath }: { readonly cache: Cache; resolvePath(path: string): string }) {
    this.#cache = cache
    this.#resolvePath = resolvePath
  }

  /** Turn a path of the settings into one of this machine. */
  resolvePath(path: string): string {
    return this.#resolvePath(path)
  }

  /** Open files.
   *
   *  @param list Finds them in the path, resolved: their paths by the names that operations know them by.
   *  @throws {UserError} when they cannot be found or read.
   */
  open<Kind extends string>(
    files: FilesOfSetting<Kind>,
    list: (path: string) => Promise<Readonly<Record<string, string>>>,
  ): Promise<Source<{ kind: Kind }>> {
    const { kind, path } = files
    const open = async () => openSource(this.#cache, await list(this.#resolvePath(path)), { kind }, path)
    return remembered(this.#opened, files, open) as Promise<Source<{ kind: Kind }>>
  }
}
