import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testProgram as resultsProgram } from '@isthmus/results/test-program'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './lab.ts'
import { testProgram } from './test-program.ts'

/** Names of its own for files, in which everybody may mount: not on every system. */
const inNamespace = ['--user', '--map-root-user', '--mount']

/** Whether a process may have a disk of its own. */
export const canHaveDisk =
  spawnSync('unshare', [...inNamespace, 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', tmpdir()]).status === 0

/** A server whose home folder is a small disk. */
export interface SmallLab {
  readonly url: string
  /** The home folder, as this process finds it. */
  readonly home: string
  /** Leave room for so many bytes. */
  fill(room: number): void
  /** Make room again. */
  empty(): void
  /** End it. @returns All that it has logged. */
  stop(): Promise<string>
}

/** Serve a home folder on a disk of some bytes until the test has finished, of which blobs spare a part. */
export async function serveSmallDisk(bytes: number, sparedBytes: number): Promise<SmallLab> {
  const folder = temporaryFolder()
  const script = `mount -t tmpfs -o size=${bytes} tmpfs "$0" && exec "$@"`
  const program = [process.execPath, testProgram('serve-lab'), folder, resultsProgram('answer-queries')]
  const child = spawn('unshare', [...inNamespace, 'sh', '-c', script, folder, ...program, String(sparedBytes)])
  onTestFinished(() => void child.kill('SIGKILL'))
  let log = ''
  child.stderr.on('data', (text) => {
    log += text
  })
  const url = await firstLine(child, () => log)
  const home = `/proc/${child.pid}/root${folder}`
  const filler = join(home, 'filler')
  return {
    url,
    home,
    fill(room) {
      const { bavail, bsize } = statfsSync(home)
      appendFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - room)))
    },
    empty: () => rmSync(filler),
    async stop() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
      return log
    },
  }
}

function firstLine(child: ChildProcess, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout!.once('data', (line) => resolve(String(line).trim()))
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${log()}`)))
  })
}
