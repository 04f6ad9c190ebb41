import { UserError } from '@isthmus/tensor'
import { drawBarriers, readBarriers } from './barriers.ts'
import { drawCorrelationByLayer, readLayers } from './correlation-by-layer.ts'
import { drawCorrelationHeatmap } from './correlation-heatmap.ts'
import { drawDataAmount, readDataAmount } from './data-amount.ts'
import type { Figure } from './figure.ts'
import { drawLossCurves, readCurves } from './loss-curves.ts'
import { readAttentionCorrelation } from './read-attention-correlation.ts'
import { describeStudy } from './study-description.ts'
import { drawTaskCurves, readTaskCurves } from './task-curves.ts'
import { drawTrainingCurves, readTrainings } from './training-curves.ts'

/** Every figure there is. A new one is a file of its own and an entry here. */
export const figures: readonly Figure[] = [
  {
    name: 'loss-curves',
    description: 'loss over λ, one line for each method with a band over the pairs',
    async draw({ results, study }) {
      const description = await describeStudy(results, study)
      return drawLossCurves(await readCurves(results, study), description)
    },
  },
  {
    name: 'barriers',
    description: 'loss barrier of each method with its interval, beside the published one where there is one',
    async draw({ results, study }) {
      const description = await describeStudy(results, study)
      return drawBarriers(await readBarriers(results, study), description)
    },
  },
  {
    name: 'correlation-by-layer',
    description: 'mean correlation of matched features over the layers, before and after alignment',
    async draw({ results, study }) {
      const description = await describeStudy(results, study)
      const rows = await readLayers(results, study)
      if (rows.length === 0) {
        throw new UserError(
          `Study "${study}" matched no features, so there are no correlations to draw: run one with a method such as ` +
            `ffn, isthmus run ${study} --set methods=vanilla,ffn`,
        )
      }
      return drawCorrelationByLayer(rows, description)
    },
  },
  {
    name: 'correlation-heatmap',
    description: 'correlation matrix of an attention layer of one pair with its head boundaries, before and after',
    async draw(request) {
      return drawCorrelationHeatmap(await readAttentionCorrelation(request))
    },
  },
  {
    name: 'task-curves',
    description: 'loss and metric of each task over λ, one line for each method with a band over the pairs',
    async draw({ results, study }) {
      const description = await describeStudy(results, study)
      const rows = await readTaskCurves(results, study)
      if (rows.length === 0) {
        throw new UserError(
          `Study "${study}" has no scores, which are of tasks: run one with a task, isthmus run tasks, or ` +
            `isthmus run ${study} --set task=datasets/tasks/genre`,
        )
      }
      return drawTaskCurves(rows, description)
    },
  },
  {
    name: 'data-amount',
    description: 'loss barrier of each method over the amount of text on which features are matched',
    async draw({ results, study }) {
      const description = await describeStudy(results, study)
      const rows = await readDataAmount(results, study)
      if (rows.length === 0) {
        throw new UserError(
          `Study "${study}" has one amount of text, and data-amount is drawn over several: run it with ` +
            `isthmus run ${study} --set 'alignment.fraction=sweep(0.01,0.1,1)'`,
        )
      }
      return drawDataAmount(rows, description)
    },
  },
  {
    name: 'training-curves',
    description: 'loss over the steps of training, one line for each model that a study trained',
    async draw({ results, study }) {
      return drawTrainingCurves(await readTrainings(results, study), study)
    },
  },
]

/** Find a figure by its name.
 *
 *  @throws {UserError} naming those that there are.
 */
export function figureNamed(name: string): Figure {
  const figure = figures.find((candidate) => candidate.name === name)
  if (figure !== undefined) return figure
  throw new UserError(`there is no figure '${name}'; there are ${figures.map((known) => known.name).join(', ')}`)
}
