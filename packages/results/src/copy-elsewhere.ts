import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Copy a file in a process of its own, on write where the file system can.
 *
 *  A process loses its lock of a file, DuckDB's too, when it closes any descriptor of it (POSIX, `fcntl`): it must not
 *  open the file itself.
 */
export async function copyElsewhere(from: string, to: string): Promise<void> {
  const program =
    "const fs = require('node:fs'); fs.copyFileSync(process.argv[1], process.argv[2], fs.constants.COPYFILE_FICLONE)"
  await run(process.execPath, ['-e', program, from, to])
}
