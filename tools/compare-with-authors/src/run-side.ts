import { spawn } from 'node:child_process'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { readSideResult, type SideRequest, type SideResult } from './side.ts'

export const sides = ['ours', 'theirs'] as const

export type Side = (typeof sides)[number]

/** The authors' repository on this machine, and a Python that runs it. */
export interface Authors {
  readonly checkout: string
  readonly python: string
}

const repository = 'https://github.com/nverma1/merging-text-transformers'

/** Modules of the checkout that are timed. */
const modules = ['model_merger.py', 'matching_functions.py', 'evaluation/graphing_mlm.py', 'my_datasets/books.py']

/** What its modules import, and what `transformers` needs to evaluate. */
const packages = {
  accelerate: 'accelerate',
  datasets: 'datasets',
  matplotlib: 'matplotlib',
  networkx: 'networkx',
  safetensors: 'safetensors',
  scipy: 'scipy',
  torch: 'torch',
  torchnlp: 'pytorch-nlp',
  tqdm: 'tqdm',
  transformers: 'transformers',
} as const

/** Look whether the checkout and its Python are there.
 *
 *  @throws {UserError} naming the option, and what is missing.
 */
export async function assertAuthors({ checkout, python }: Authors): Promise<void> {
  for (const module of modules) {
    await access(join(checkout, module)).catch(() => {
      throw new UserError(
        `--authors ${checkout} has no ${module}: give a checkout of the authors’ repository (git clone ${repository})`,
      )
    })
  }
  // A folder `datasets` of the working folder would be taken for the package.
  const imported = `import importlib.util as u; print(*[m for m in ${JSON.stringify(Object.keys(packages))} if u.find_spec(m) is None])`
  const missing = await output(python, ['-c', imported], { cwd: tmpdir() }).catch((cause: Error) => {
    throw new UserError(`--python ${python} does not start (${cause.message}): give the path of a Python 3 interpreter`)
  })
  const names = missing.split(/\s+/).filter((name): name is keyof typeof packages => name in packages)
  if (names.length === 0) return
  throw new UserError(
    `--python ${python} lacks ${names.join(', ')}, which the authors’ code needs: ` +
      `${python} -m pip install ${names.map((name) => packages[name]).join(' ')}`,
  )
}

/** Have one side compute, in a process of its own, and wait for it.
 *
 *  @param name Of the side's files in `folder`, beside which it may leave others.
 *  @throws {UserError} with the end of what it wrote, when the process fails.
 */
export async function runSide(
  side: Side,
  { checkout, python }: Authors,
  task: Omit<SideRequest, 'checkout' | 'alignment' | 'result'>,
  folder: string,
): Promise<{ result: SideResult; alignment: string; seconds: number }> {
  const own = await mkdtemp(join(folder, `${side}-`))
  const [path, alignment, result] = ['request.json', 'alignment.safetensors', 'result.json'].map((name) =>
    join(own, name),
  ) as [string, string, string]
  const request: SideRequest = { checkout: resolve(checkout), ...task, alignment, result }
  await writeFile(path, JSON.stringify(request))
  const [command, args] =
    side === 'ours'
      ? [process.execPath, ['--import', import.meta.resolve('tsx'), join(import.meta.dirname, 'ours.ts'), path]]
      : [python, [join(import.meta.dirname, 'time_authors.py'), path]]
  const start = performance.now()
  await output(command, args, { cwd: own }).catch((cause: Error) => {
    throw new UserError(`${side === 'ours' ? 'our side' : 'the authors’ side'} failed: ${cause.message}`, { cause })
  })
  const seconds = (performance.now() - start) / 1e3
  return { result: await readSideResult(result), alignment, seconds }
}

/** Work with a folder that is gone afterwards. */
export async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-authors-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Run a command and give what it wrote to stdout.
 *
 *  @param env Added to the environment of this process.
 *  @throws {Error} with the last lines of stderr, when it cannot be started or fails.
 */
export function output(
  command: string,
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2000)
    })
    child.once('error', fail)
    child.once('close', (code, signal) => {
      if (code === 0) done(stdout)
      else fail(new Error(`it ended with ${signal ?? `exit code ${code}`}: ${lastError(stderr)}`))
    })
  })
}

/** Of what a process wrote before it failed: the error, which Node has above its stack and Python below. */
function lastError(stderr: string): string {
  const lines = stderr.trim().split('\n')
  return (lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1)!).trim()
}
