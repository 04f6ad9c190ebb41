import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Tensor, UserError } from '@isthmus/tensor'
import * as tf from '@tensorflow/tfjs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { learningRateAt, openDifferentiator, readTrainingState, type TrainedModel, train } from '../src/index.ts'
import { tinyBatch, tinyGraph, tinyParameters, tinyRecipe, tinyTraining } from './tiny-training.ts'

function temporaryFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-training-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'state')
}

function bits({ parameters, curve }: TrainedModel) {
  return { parameters: [...parameters].map(([name, { data }]) => [name, [...data]]), curve }
}

/** Abort after some steps, as an interrupt does. */
async function interrupted(path: string, steps: number): Promise<void> {
  const abort = new AbortController()
  const stopped = train(
    tinyTraining({
      state: { path, minutes: 60 },
      signal: abort.signal,
      onStep: (done) => done === steps && abort.abort(new Error('interrupted')),
    }),
  )
  await expect(stopped).rejects.toThrow('interrupted')
}

describe('train', () => {
  it('lowers the loss, and records it', async () => {
    const recipe = { ...tinyRecipe, steps: 60, dropout: 0 }
    const { curve } = await train(tinyTraining({ recipe, recordEvery: 25, batch: () => tinyBatch(0) }))
    expect(curve.map(({ step }) => step)).toEqual([25, 50, 60])
    expect(curve[2]!.loss).toBeLessThan(0.2 * curve[0]!.loss)
    expect(curve[2]!.learningRate).toBe(learningRateAt(59, recipe))
  })

  it('is a function of what it is given, and leaves the initial weights alone', async () => {
    const parameters = tinyParameters()
    const first = bits(await train(tinyTraining({ parameters })))
    expect(bits(await train(tinyTraining({ parameters })))).toEqual(first)
    expect(parameters).toEqual(tinyParameters())
    const other = await train(tinyTraining({ recipe: { ...tinyRecipe, seed: 6 } }))
    expect(bits(other)).not.toEqual(first)
  })

  it('goes on from its state to the same bits, wherever and however often it was stopped', async () => {
    const undisturbed = bits(await train(tinyTraining()))
    const path = temporaryFile()
    for (const steps of [1, 5, 7]) await interrupted(path, steps)
    const steps: number[] = []
    const state = { path, minutes: 60 }
    const resumed = await train(tinyTraining({ state, onStep: (done) => steps.push(done) }))
    expect(steps).toEqual([8, 9, 10, 11, 12])
    expect(bits(resumed)).toEqual(undisturbed)
  })

  it('writes its state as time passes, for a process that is killed', async () => {
    const path = temporaryFile()
    await train(tinyTraining({ state: { path, minutes: 0 } }))
    const shapes = new Map([...tinyParameters()].map(([name, { shape }]) => [name, shape]))
    expect((await readTrainingState(path, shapes))?.steps).toBe(12)
  })

  it('takes a validation loss where it is asked for, and at the end', async () => {
    const taken: number[] = []
    const { curve } = await train(
      tinyTraining({
        recordEvery: 2,
        validation: {
          every: 8,
          loss: (differentiator, parameters) => {
            const { graph, feeds } = tinyBatch(1000)
            taken.push(differentiator.loss(graph, parameters, feeds))
            return taken.at(-1)!
          },
        },
      }),
    )
    expect(curve.filter(({ validationLoss }) => validationLoss !== null).map(({ step }) => step)).toEqual([8, 12])
    expect(curve.flatMap(({ validationLoss }) => validationLoss ?? [])).toEqual(taken)
  })

  it('says when it diverges', async () => {
    const recipe = { ...tinyRecipe, learningRate: 1e30, maxGradientNorm: null, warmupSteps: 0 }
    const error = await train(tinyTraining({ recipe })).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(/^the loss of step \d+ is NaN: the training has diverged; lower the learning rate/)
  })

  it('refuses a state that is damaged or of another model', async () => {
    const path = temporaryFile()
    await interrupted(path, 2)
    const shapes = new Map([...tinyParameters()].map(([name, { shape }]) => [name, shape]))
    await expect(readTrainingState(path, new Map([...shapes].slice(1)))).rejects.toThrow(
      `${path} is no state of this training: remove it, so that the training starts anew`,
    )
    truncateSync(path, 1000)
    await expect(train(tinyTraining({ state: { path, minutes: 1 } }))).rejects.toThrow(path)
  })

  it('leaves no tensor behind', async () => {
    const differentiator = await openDifferentiator('javascript')
    const parameters = tinyParameters()
    const options = { dropout: { rate: 0.1, seed: 1, step: 0 } }
    const { graph, feeds } = tinyBatch(0)
    const { numTensors } = tf.memory()
    for (let i = 0; i < 20; i++) differentiator.gradients(graph, parameters, feeds, options)
    differentiator.loss(graph, parameters, feeds)
    expect(tf.memory().numTensors).toBe(numTensors)
  })
})

describe('openDifferentiator', () => {
  it('gives gradients by which the loss changes', async () => {
    const differentiator = await openDifferentiator('javascript')
    const parameters = tinyParameters()
    const { graph, feeds } = tinyBatch(0)
    const { loss, gradients } = differentiator.gradients(graph, parameters, feeds)
    expect(differentiator.loss(graph, parameters, feeds)).toBeCloseTo(loss, 5)
    const squared = [...gradients.values()].reduce(
      (sum, { data }) => sum + data.reduce((part, g) => part + g * g, 0),
      0,
    )
    const moved = (by: number) =>
      new Map(
        [...parameters].map(([name, { shape, data }]): [string, Tensor] => [
          name,
          { shape, data: data.map((value, i) => value + by * gradients.get(name)!.data[i]!) },
        ]),
      )
    // Central difference along the gradient; its error and the rounding of f32 losses are below a percent.
    const step = 1e-3
    const slope =
      (differentiator.loss(graph, moved(step), feeds) - differentiator.loss(graph, moved(-step), feeds)) / (2 * step)
    expect(slope / squared).toBeCloseTo(1, 1)
    expect([...gradients.keys()]).toEqual(tinyGraph.parameters.map(({ name }) => name))
  })
})

describe('learningRateAt', () => {
  it('rises over the warm-up, then falls to its part of the peak', () => {
    const recipe = { ...tinyRecipe, steps: 100, warmupSteps: 10, learningRate: 2, finalLearningRate: 0.25 }
    const rates = Array.from({ length: 101 }, (_, step) => learningRateAt(step, recipe))
    expect(rates[0]).toBeCloseTo(0.2)
    expect(rates[9]).toBe(2)
    expect(rates[10]).toBe(2)
    expect(rates[55]).toBeCloseTo(1.25)
    expect(rates[100]).toBeCloseTo(0.5)
    expect(learningRateAt(0, { ...recipe, warmupSteps: 0 })).toBe(2)
  })
})
