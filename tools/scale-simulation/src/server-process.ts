import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** Start `isthmus serve` on a home folder, on a free port. */
export async function startServer(home: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const command = join(import.meta.dirname, '../../../apps/cli/bin/isthmus.mjs')
  const child = spawn(process.execPath, [command, 'serve', '--port', '0', '--log-level', 'warn'], {
    env: { ...process.env, ISTHMUS_HOME: home },
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
