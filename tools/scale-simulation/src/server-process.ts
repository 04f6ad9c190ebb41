import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** A bucket, and how it is reached. */
export interface Bucket {
  /** `s3://BUCKET` */
  readonly address: string
  readonly environment: Readonly<Record<string, string>>
}

/** Start `isthmus serve` on a home folder, on a free port.
 *
 *  @param bucket Where blobs are, if not in the home folder: its endpoint, and who may use it.
 */
export async function startServer(
  home: string,
  bucket?: Bucket,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const command = join(import.meta.dirname, '../../../apps/cli/bin/isthmus.mjs')
  const args = [command, 'serve', '--port', '0', '--log-level', 'warn']
  const child = spawn(process.execPath, bucket === undefined ? args : [...args, '--blobs', bucket.address], {
    env: { ...process.env, ISTHMUS_HOME: home, ...bucket?.environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk) => resolve(String(chunk)))
    child.once('exit', (code) => reject(new Error(`The server ended with ${code}.`)))
  })
  return {
    url: /^(http:\S+) serves/.exec(line)![1]!,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}
