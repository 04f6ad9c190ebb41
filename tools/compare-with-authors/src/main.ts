import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { alignmentMethod } from '@isthmus/alignment'
import { UserError } from '@isthmus/tensor'
import { Command } from 'commander'
import { comparePair, type PairTask } from './compare-pair.ts'
import { compareStudy } from './compare-study.ts'
import { agreementText, medianTimes, phaseTable, studyTable } from './phase-table.ts'
import { prepareWork } from './prepare-work.ts'
import { type Authors, assertAuthors, withFolder } from './run-side.ts'

interface Options {
  readonly authors: string
  readonly python: string
  readonly pair: string
  readonly points: string
  readonly fraction: string
  readonly blocks?: string
  readonly threads?: string
}

const datasets = join(import.meta.dirname, '../../../datasets')

const program = new Command('compare-with-authors').description(
  'Time us beside the code that the paper’s authors released, in turn, and compare the results.',
)

command('pair', 'one pair and one method, phase by phase, one thread on both sides', true)
  .option('--method <method>', 'vanilla, ffn, monotonic, ignore-heads, head-perm, …', 'head-perm')
  .option('--repeat <number>', 'how often each side runs; the medians are printed', '3')
  .action(pairCommand)

command('study', 'a whole study from nothing beside one pair of each of its methods, all cores on both sides', false)
  .option('--study <name>', 'which study of experiments/', 'attention-heads')
  .option(
    '--set <setting=value>',
    'change a setting of our study; may be repeated',
    (value, all: string[]) => [...all, value],
    [],
  )
  .action(studyCommand)

function command(name: string, description: string, isDefault: boolean): Command {
  return program
    .command(name, { isDefault })
    .description(description)
    .requiredOption('--authors <folder>', 'a checkout of the authors’ repository')
    .option('--python <path>', 'a Python that runs it', 'python3')
    .option('--pair <a,b>', 'two of the models that ship', '1,2')
    .option('--points <number>', 'values of λ, evenly spaced from 0 to 1', '21')
    .option('--fraction <number>', 'the part of the sampled lines of books that features are matched on', '0.1')
    .option('--blocks <number>', 'blocks of the evaluation text (default: all)')
    .option('--threads <number>', 'of the authors’ side')
}

async function pairCommand(options: Options & { readonly method: string; readonly repeat: string }): Promise<void> {
  const repeat = wholeNumber('--repeat', options.repeat, 1)
  const method = alignmentMethod(options.method).name
  await withTask(options, 1, async (authors, task, folder) => {
    const { ours, theirs, agreement } = await comparePair(authors, { ...task, method }, repeat, folder, progress)
    print(
      `${method}, medians of ${repeat}; versions: ${JSON.stringify({ ...ours[0]!.versions, ...theirs[0]!.versions })}`,
    )
    print(phaseTable(medianTimes(ours), medianTimes(theirs)))
    print(agreementText(agreement))
  })
}

async function studyCommand(options: Options & { readonly study: string; readonly set: string[] }): Promise<void> {
  await withTask(options, availableParallelism(), async (authors, task, folder) => {
    const study = { name: options.study, settings: options.set }
    print(studyTable(await compareStudy(authors, study, task, folder, progress)))
  })
}

/** Check the options, make the tokens and masks, and say what both sides are given. */
async function withTask(
  options: Options,
  defaultThreads: number,
  work: (authors: Authors, task: Omit<PairTask, 'method'>, folder: string) => Promise<void>,
): Promise<void> {
  const authors = { checkout: options.authors, python: options.python }
  await assertAuthors(authors)
  const threads = wholeNumber('--threads', options.threads ?? String(defaultThreads), 1)
  const points = wholeNumber('--points', options.points, 2)
  const blocks = options.blocks === undefined ? null : wholeNumber('--blocks', options.blocks, 1)
  const fraction = Number(options.fraction)
  const models = modelFolders(options.pair)
  await withFolder(async (folder) => {
    const path = join(folder, 'work.safetensors')
    const size = await prepareWork(path, models[0], datasets, { fraction, blocks })
    print(
      `models ${options.pair}: features of ${size.tokens} tokens, ${points} λ on ${size.blocks} blocks; ` +
        `the authors’ side on ${threads} thread(s)`,
    )
    const lambdas = Array.from({ length: points }, (_, i) => i / (points - 1))
    await work(authors, { models, work: path, lambdas, threads }, folder)
  })
}

function modelFolders(pair: string): [string, string] {
  const found = /^(\d+),(\d+)$/.exec(pair)
  if (found === null) throw new UserError(`--pair must be two seeds, such as 1,2, but it is '${pair}'`)
  return [join(datasets, `models/seed-${found[1]}`), join(datasets, `models/seed-${found[2]}`)]
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new UserError(`${option} must be a whole number of at least ${least}, but it is '${text}'`)
}

function progress(what: string, seconds: number): void {
  process.stderr.write(`${what}: ${seconds.toFixed(1)} s\n`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n\n`)
}

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof UserError)) throw error
  process.stderr.write(`compare-with-authors: ${error.message}\n`)
  process.exitCode = 2
}
