import { UserError } from '@isthmus/tensor'
import spawn, { SubprocessError } from 'nano-spawn'

/** What an array job asks for. */
export interface ArrayRequest {
  /** Runs each task, with the number of the task in `SLURM_ARRAY_TASK_ID`. */
  readonly script: string
  readonly name: string
  readonly tasks: number
  /** A pattern of sbatch, with `%a` for the number of the task. */
  readonly log: string
  readonly cpus: number
  readonly memoryMebibytes: number | undefined
  /** More options of sbatch; they win over the ones above. */
  readonly options: readonly string[]
}

/** Submit an array job of tasks 0 to n − 1.
 *
 *  @returns Its number.
 *  @throws {SlurmError} saying what sbatch said.
 */
export async function submitArray(request: ArrayRequest): Promise<string> {
  const { script, name, tasks, log, cpus, memoryMebibytes, options } = request
  const output = await command('sbatch', [
    '--parsable',
    `--array=0-${tasks - 1}`,
    `--job-name=${name}`,
    `--output=${log}`,
    '--no-requeue',
    `--cpus-per-task=${cpus}`,
    ...(memoryMebibytes === undefined ? [] : [`--mem=${memoryMebibytes}M`]),
    ...options,
    script,
  ])
  return output.trim().split(';')[0]!
}

/** The states of the tasks that Slurm still holds of jobs with a name, by `<job>_<task>`. */
export async function queuedStates(name: string): Promise<Map<string, string>> {
  const output = await command('squeue', ['--noheader', '--array', `--name=${name}`, '--format=%i|%T'])
  return parseStates(output)
}

/** The states in which Slurm's accounting has tasks, by `<job>_<task>`; those that it does not know are left out. */
export async function accountedStates(tasks: readonly string[]): Promise<Map<string, string>> {
  const format = ['--noheader', '--parsable2', '--allocations', '--format=JobID,State']
  const states = new Map<string, string>()
  for (let i = 0; i < tasks.length; i += tasksPerCommand) {
    const some = tasks.slice(i, i + tasksPerCommand)
    for (const [task, state] of parseStates(await command('sacct', [...format, `--jobs=${some.join(',')}`]))) {
      states.set(task, state)
    }
  }
  return states
}

/** Cancel tasks. Those that have ended are passed over. */
export async function cancelTasks(tasks: readonly string[]): Promise<void> {
  for (let i = 0; i < tasks.length; i += tasksPerCommand) {
    await command('scancel', ['--quiet', ...tasks.slice(i, i + tasksPerCommand)])
  }
}

/** See whether there is a Slurm here.
 *
 *  @throws {UserError} when there is none.
 */
export async function checkSlurm(): Promise<void> {
  try {
    await command('sbatch', ['--version'])
  } catch (error) {
    const message = 'There is no Slurm on this machine (sbatch cannot be run): run this on a login node of the cluster.'
    throw new UserError(message, { cause: error })
  }
}

/** A command of Slurm failed. */
export class SlurmError extends Error {
  override readonly name = 'SlurmError'
}

const tasksPerCommand = 500

async function command(name: string, options: readonly string[]): Promise<string> {
  try {
    return (await spawn(name, options)).stdout
  } catch (error) {
    const said = error instanceof SubprocessError && error.stderr !== '' ? error.stderr : (error as Error).message
    throw new SlurmError(`${name} failed: ${said}`, { cause: error })
  }
}

/** Lines of `<job>_<task>|<state>`; a state may be followed by words, as in 'CANCELLED by 1000'. */
function parseStates(output: string): Map<string, string> {
  const states = new Map<string, string>()
  for (const line of output.split('\n')) {
    const [task, state] = line.split('|')
    if (task !== undefined && state !== undefined) states.set(task.trim(), state.trim().split(' ')[0]!.replace('+', ''))
  }
  return states
}
