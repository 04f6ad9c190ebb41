import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** What is timed: the loss alone; with its gradients; with clipping and AdamW's update as well. */
export const trainingTasks = ['forward', 'gradients', 'step'] as const

export type TrainingTask = (typeof trainingTasks)[number]

/** PyTorch in a process that waits for work. */
export interface PytorchProcess {
  /** Have it do a task once: seconds of its processor time. */
  seconds(task: TrainingTask): Promise<number>
  stop(): void
}

/** Start `training_step.py` with the Python of `$PYTHON`, default `python3`.
 *
 *  @param sizes Of the model and the batch, as that file names them.
 *  @returns Null where that Python has no PyTorch.
 */
export async function startPytorch(sizes: object): Promise<PytorchProcess | null> {
  const python = process.env.PYTHON ?? 'python3'
  if (spawnSync(python, ['-c', 'import torch']).status !== 0) return null
  const child = spawn(python, [join(import.meta.dirname, 'training_step.py'), JSON.stringify(sizes)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async seconds(task) {
      child.stdin.write(`${task}\n`)
      const { value } = await lines.next()
      return Number(value)
    },
    stop: () => child.stdin.end(),
  }
}
