import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { workspace } from './run-isthmus.ts'

/** A server of a home folder, until the test has finished. */
export async function serve(home: string, ...words: string[]): Promise<{ url: string; process: ChildProcess }> {
  const command = [resolve(workspace, 'apps/cli/bin/isthmus.mjs'), 'serve', '--port', '0', ...words]
  const child = spawn(process.execPath, command, { env: { ...process.env, ISTHMUS_HOME: home } })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const line = await new Promise<string>((done, fail) => {
    child.stdout.once('data', (chunk) => done(String(chunk)))
    child.stderr.on('data', (chunk) => fail(new Error(String(chunk))))
    child.once('exit', (code) => fail(new Error(`the server ended with ${code}`)))
  })
  return { url: /^(http:\S+) serves/.exec(line)![1]!, process: child }
}
