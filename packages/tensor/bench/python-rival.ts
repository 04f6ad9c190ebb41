import { spawn, spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'

/** A Python program in a process that waits for work: it answers every line with a line. */
export interface PythonRival {
  ask(line: string): Promise<string>
  stop(): void
}

/** Start a program with the Python of `$PYTHON`, default `python3`, as what a bench is compared with.
 *
 *  @param script The path of the program.
 *  @param packages What it imports, by the names that `import` takes.
 *  @returns Null where that Python lacks one of them, or is not there.
 */
export function startPythonRival(
  script: string,
  packages: readonly string[],
  ...args: readonly string[]
): PythonRival | null {
  const python = process.env.PYTHON ?? 'python3'
  // Elsewhere, a folder of the working folder might be taken for a package.
  if (spawnSync(python, ['-c', `import ${packages.join(', ')}`], { cwd: tmpdir() }).status !== 0) return null
  const child = spawn(python, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`${script} ended without an answer to '${line}'`)
      return value
    },
    stop: () => child.stdin.end(),
  }
}
