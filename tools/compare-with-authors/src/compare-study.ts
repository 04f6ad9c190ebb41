import { join } from 'node:path'
import { z } from 'zod'
import type { PairTask } from './compare-pair.ts'
import { type Authors, output, runSide } from './run-side.ts'
import { type Seconds, seconds, sumOf } from './side.ts'

/** A whole study from nothing, ours as it runs, and theirs by one pair of each method. */
export interface StudyComparison {
  /** `isthmus run`, from the start of the command to its end, all of its processes. */
  readonly ours: Seconds
  /** The phases of one pair, by method. */
  readonly theirs: ReadonlyMap<string, Seconds>
  /** Pairs of the study. */
  readonly pairs: number
}

const leaderboard = z.object({ leaderboard: z.array(z.object({ method: z.string(), pairs: z.coerce.number() })) })

/** Time a study of ours from nothing, and the authors' code on one pair of models with each of its methods.
 *
 *  @param study Its name, and settings as `isthmus run --set` takes them.
 *  @param task Of the authors' side, but for the method.
 *  @param onRun Called after each run of either with its seconds.
 */
export async function compareStudy(
  authors: Authors,
  study: { readonly name: string; readonly settings: readonly string[] },
  task: Omit<PairTask, 'method'>,
  folder: string,
  onRun: (what: string, seconds: number) => void = () => undefined,
): Promise<StudyComparison> {
  const { methods, pairs, spent } = await runStudy(authors.python, study, folder)
  onRun(`isthmus run ${study.name}`, spent.wall)
  const theirs = new Map<string, Seconds>()
  for (const method of methods) {
    const run = await runSide('theirs', authors, { ...task, method }, folder)
    onRun(`theirs, ${method}`, run.seconds)
    theirs.set(method, sumOf(Object.values(run.result.phases)))
  }
  return { ours: spent, theirs, pairs }
}

/** Run a study of ours in an empty home. The command is built before the clock starts. */
async function runStudy(
  python: string,
  { name, settings }: { readonly name: string; readonly settings: readonly string[] },
  folder: string,
) {
  const isthmus = [process.execPath, join(import.meta.dirname, '../../../apps/cli/bin/isthmus.mjs')]
  await output(isthmus[0]!, [isthmus[1]!, '--version'])
  const timer = join(import.meta.dirname, 'time_command.py')
  const set = settings.flatMap((setting) => ['--set', setting])
  const written = await output(python, [timer, ...isthmus, 'run', name, '--json', ...set], {
    env: { ISTHMUS_HOME: join(folder, 'home') },
  })
  return readTimedRun(written)
}

/** What `isthmus run --json` wrote, and below it `time_command.py`. */
export function readTimedRun(written: string) {
  const end = written.trimEnd().lastIndexOf('\n')
  const rows = leaderboard.parse(JSON.parse(written.slice(0, end))).leaderboard
  return {
    methods: rows.map(({ method }) => method),
    pairs: Math.max(...rows.map(({ pairs }) => pairs)),
    spent: seconds.parse(JSON.parse(written.slice(end))),
  }
}
