import { WorkerLostError } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'

/** What a state of Slurm means for a task that left no result. */
export interface Ending {
  /** Tries in all, of those that end so. */
  readonly tries: number
  /** How much more memory the next try asks for. */
  readonly memoryFactor: number
  /** Whether it may have left a result that the shared file system does not show yet. */
  readonly maySettle: boolean
  /** In words: 'The task that ran x …'. */
  readonly what: string
  readonly advice: string
  /** Whether the user, not the cluster, has to do something. */
  readonly isUsers: boolean
}

const lost: Ending = {
  tries: 2,
  memoryFactor: 1,
  maySettle: true,
  what: 'ended without a result',
  advice: 'what it wrote last is the cause',
  isUsers: false,
}
const ofNode: Ending = {
  ...lost,
  tries: 5,
  maySettle: false,
  what: 'lost its node',
  advice: 'see which nodes the cluster has lost, or leave them out',
}

/** @see Slurm's manual page of squeue, "JOB STATE CODES". */
const endings: Readonly<Record<string, Ending>> = {
  COMPLETED: lost,
  FAILED: { ...lost, what: 'was killed or failed to start' },
  NODE_FAIL: ofNode,
  BOOT_FAIL: { ...ofNode, what: 'was given a node that did not start' },
  PREEMPTED: { ...ofNode, what: 'was preempted by other jobs', advice: 'choose a partition that is not preempted' },
  OUT_OF_MEMORY: {
    ...lost,
    tries: 3,
    memoryFactor: 2,
    maySettle: false,
    what: 'ran out of memory',
    advice: 'it was tried with more each time; ask for more memory by an option of sbatch',
  },
  TIMEOUT: {
    ...lost,
    tries: 1,
    maySettle: false,
    what: 'reached its limit of time',
    advice: 'raise it by the option --time of sbatch',
    isUsers: true,
  },
  DEADLINE: { ...lost, tries: 1, what: 'reached its deadline', advice: 'raise the deadline', isUsers: true },
  CANCELLED: { ...lost, tries: 1, what: 'was cancelled in Slurm', advice: 'run it again', isUsers: true },
}

const goingOn = ['PENDING', 'RUNNING', 'CONFIGURING', 'COMPLETING', 'SUSPENDED', 'REQUEUED', 'RESIZING', 'STAGE_OUT']

/** How a task ended that is in a state; undefined when it has not. States that are not known are taken for a loss. */
export function endingOf(state: string): Ending | undefined {
  if (goingOn.includes(state)) return undefined
  return endings[state] ?? { ...lost, what: `ended in the state ${state}` }
}

/** The error of a task that is not tried again. */
export function endingError({ what, advice, isUsers }: Ending, label: string, tries: number, cause?: Error): Error {
  const often = tries > 1 ? `, after ${tries} tries` : ''
  const message = `The task that ran '${label}' ${what}${often}: ${advice}.`
  const options = cause === undefined ? {} : { cause }
  return isUsers ? new UserError(message, options) : new WorkerLostError(message, options)
}
