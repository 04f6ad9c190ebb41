import { ShapeError, tensor, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  accuracy,
  f1Score,
  matthewsCorrelation,
  metrics,
  pearsonCorrelation,
  predictionsOf,
  spearmanCorrelation,
  taskScores,
} from '../src/index.ts'

/** Sums of at most 40 products in f64, of which the largest are 1. */
const tolerance = 1e-12

/** Predictions and labels of so many classes, as many of both. */
function classes(count: number) {
  const pair = fc.tuple(fc.nat(count - 1), fc.nat(count - 1))
  return fc.array(pair, { minLength: 1, maxLength: 40 }).map((pairs) => ({
    predictions: pairs.map(([predicted]) => predicted),
    labels: pairs.map(([, label]) => label),
  }))
}

/** Scores on a grid, so that there are ties, which neither list is made of alone. */
const scores = fc
  .array(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -20, max: 20 })), {
    minLength: 2,
    maxLength: 40,
  })
  .map((pairs) => ({ predictions: pairs.map(([x]) => x / 4), labels: pairs.map(([, y]) => y / 4) }))
  .filter(({ predictions, labels }) => new Set(predictions).size > 1 && new Set(labels).size > 1)

function holds<Input>(arbitrary: fc.Arbitrary<Input>, property: (input: Input) => void): void {
  expect(() => fc.assert(fc.property(arbitrary, property))).not.toThrow()
}

function expectClose(found: number, expected: number): void {
  expect(Math.abs(found - expected)).toBeLessThan(tolerance)
}

/** How many predictions and labels are these. */
function count(predictions: readonly number[], labels: readonly number[], predicted: number, label: number): number {
  return labels.filter((own, i) => own === label && predictions[i] === predicted).length
}

describe('accuracy', () => {
  it('is the share that is right', () => {
    expect(accuracy([0, 2, 1, 3], [0, 1, 2, 3])).toBe(0.5)
    holds(classes(3), ({ predictions, labels }) => {
      const right = [0, 1, 2].reduce((sum, c) => sum + count(predictions, labels, c, c), 0)
      expect(accuracy(predictions, labels)).toBe(right / labels.length)
    })
  })
})

describe('f1Score', () => {
  it('is that of a worked example: two true positives, two false ones, one missed', () => {
    expectClose(f1Score([0, 1, 1, 0, 1, 1], [0, 0, 1, 1, 1, 0]), 4 / 7)
  })

  it('is the harmonic mean of precision and recall', () => {
    holds(classes(2), ({ predictions, labels }) => {
      const [tp, fp, fn] = (
        [
          [1, 1],
          [1, 0],
          [0, 1],
        ] as const
      ).map(([p, l]) => count(predictions, labels, p, l)) as [number, number, number]
      if (tp === 0) expect(f1Score(predictions, labels)).toBe(0)
      else expectClose(f1Score(predictions, labels), 2 / ((tp + fp) / tp + (tp + fn) / tp))
    })
  })

  it('does not count true negatives, and is 0 where nothing is positive', () => {
    expect(f1Score([0, 0], [0, 0])).toBe(0)
    holds(classes(2), ({ predictions, labels }) => {
      expect(f1Score([...predictions, 0, 0], [...labels, 0, 0])).toBe(f1Score(predictions, labels))
    })
  })
})

describe('matthewsCorrelation', () => {
  it("is that of scikit-learn's worked example, and of three classes", () => {
    expectClose(matthewsCorrelation([1, 0, 1, 1], [1, 1, 1, 0]), -1 / 3)
    // c = 4 of n = 7; t = (2, 2, 3), p = (3, 2, 2): (28 − 16) / √((49 − 17) (49 − 17)).
    expectClose(matthewsCorrelation([0, 2, 2, 1, 1, 0, 0], [0, 1, 2, 2, 1, 0, 2]), 12 / 32)
  })

  it('of two classes is the correlation of their indicators, 0 where that is undefined', () => {
    holds(classes(2), ({ predictions, labels }) => {
      const correlation = labels.length > 1 ? pearsonCorrelation(predictions, labels) : Number.NaN
      expectClose(matthewsCorrelation(predictions, labels), Number.isNaN(correlation) ? 0 : correlation)
    })
    expect(matthewsCorrelation([1, 1, 1], [1, 0, 1])).toBe(0)
    expect(matthewsCorrelation([1, 0, 1], [1, 1, 1])).toBe(0)
  })

  it('does not change when classes are renamed, or predictions and labels change places; is 1 of the labels', () => {
    holds(classes(4), ({ predictions, labels }) => {
      const found = matthewsCorrelation(predictions, labels)
      const rename = (c: number) => [2, 3, 1, 0][c]!
      expectClose(matthewsCorrelation(predictions.map(rename), labels.map(rename)), found)
      expectClose(matthewsCorrelation(labels, predictions), found)
      expectClose(matthewsCorrelation(labels, labels), new Set(labels).size > 1 ? 1 : 0)
      expect(Math.abs(found)).toBeLessThanOrEqual(1)
    })
  })
})

/** Their correlations, by values and by ranks, are SciPy's. */
const [x, y] = [
  [1, 2, 2, 3.5, 5, 0.5],
  [0, 1, 4, 4, 4.5, 2],
]

describe('pearsonCorrelation', () => {
  it('is that of worked examples', () => {
    // Deviations (−1, 0, 1) and (−1, 1, 0): 1 / √(2 · 2).
    expectClose(pearsonCorrelation([1, 2, 3], [1, 3, 2]), 0.5)
    expectClose(pearsonCorrelation(x!, y!), 0.734555874603965)
  })

  it('is a correlation: symmetric, in [−1, 1], unmoved by scale and shift, turned by the sign', () => {
    const shift = fc.integer({ min: -8, max: 8 })
    holds(fc.tuple(scores, fc.integer({ min: 1, max: 8 }), shift), ([{ predictions, labels }, scale, offset]) => {
      const found = pearsonCorrelation(predictions, labels)
      expect(Math.abs(found)).toBeLessThanOrEqual(1)
      expectClose(pearsonCorrelation(labels, predictions), found)
      const moved = predictions.map((value) => scale * value + offset)
      expectClose(pearsonCorrelation(moved, labels), found)
      expectClose(pearsonCorrelation(moved, predictions), 1)
      const turned = predictions.map((value) => -value)
      expectClose(pearsonCorrelation(turned, labels), -found)
    })
  })

  it('is NaN of a constant, also of one that no mean of f64 reproduces, and of what is not finite', () => {
    expect(pearsonCorrelation([0.1, 0.1, 0.1], [1, 2, 3])).toBeNaN()
    expect(pearsonCorrelation([1, 2, 3], [0.1, 0.1, 0.1])).toBeNaN()
    expect(pearsonCorrelation([1, 2, Number.NaN], [1, 2, 3])).toBeNaN()
    expect(pearsonCorrelation([1, 2, Number.POSITIVE_INFINITY], [1, 2, 3])).toBeNaN()
  })

  it('neither overflows nor vanishes', () => {
    for (const scale of [1e-300, 1e300]) {
      const scaled = x!.map((value) => value * scale)
      expectClose(pearsonCorrelation(scaled, y!), 0.734555874603965)
    }
  })
})

describe('spearmanCorrelation', () => {
  it('is that of worked examples, with ties', () => {
    // Without ties 1 − 6 Σ d² / (n (n² − 1)): d = (0, 1, −1).
    expectClose(spearmanCorrelation([1, 2, 3], [1, 30, 20]), 1 - (6 * 2) / (3 * 8))
    expectClose(spearmanCorrelation(x!, y!), 0.75)
  })

  it('is the correlation of ranks that are counted one by one', () => {
    const ranks = (values: readonly number[]) =>
      values.map(
        (value) =>
          values.filter((other) => other < value).length + (values.filter((other) => other === value).length + 1) / 2,
      )
    holds(scores, ({ predictions, labels }) => {
      expectClose(spearmanCorrelation(predictions, labels), pearsonCorrelation(ranks(predictions), ranks(labels)))
    })
  })

  it('does not change under increasing functions', () => {
    holds(scores, ({ predictions, labels }) => {
      const found = spearmanCorrelation(predictions, labels)
      expect(spearmanCorrelation(predictions.map(Math.exp), labels)).toBe(found)
      expectClose(spearmanCorrelation(predictions, predictions), 1)
    })
  })

  it('is NaN of a constant and of NaN', () => {
    expect(spearmanCorrelation([2, 2], [1, 2])).toBeNaN()
    expect(spearmanCorrelation([1, Number.NaN, 3], [1, 2, 3])).toBeNaN()
  })
})

describe('all metrics', () => {
  it('do not change when predictions and labels are shuffled together', () => {
    const shuffled = classes(2)
      .filter(({ labels }) => labels.length > 1)
      .chain((own) => {
        const order = own.labels.map((_, i) => i)
        return fc.tuple(fc.constant(own), fc.shuffledSubarray(order, { minLength: order.length }))
      })
    holds(shuffled, ([{ predictions, labels }, order]) => {
      for (const metric of Object.values(metrics)) {
        const [before, after] = [
          metric(predictions, labels),
          metric(
            order.map((i) => predictions[i]!),
            order.map((i) => labels[i]!),
          ),
        ]
        if (Number.isNaN(before)) expect(after).toBeNaN()
        else expectClose(after, before)
      }
    })
  })

  it('say when there is nothing to compare', () => {
    for (const [name, metric] of Object.entries(metrics)) {
      expect(() => metric([1], [1, 2]), name).toThrow(
        new ShapeError('expected one prediction for each of 2 labels, found 1'),
      )
      const least = name === 'pearson' || name === 'spearman' ? 2 : 1
      expect(() => metric([], []), name).toThrow(
        new UserError(`a score needs at least ${least} predictions, but there are 0; use more of the data`),
      )
    }
  })
})

describe('taskScores', () => {
  it('has the metrics of a task in their order', () => {
    const found = taskScores(['accuracy', 'f1'], [1, 0, 1], [1, 1, 1])
    expect(Object.entries(found)).toEqual([
      ['accuracy', 2 / 3],
      ['f1', 0.8],
    ])
    expect(Object.keys(taskScores(['spearman', 'pearson'], [1, 0], [1, 0]))).toEqual(['spearman', 'pearson'])
  })
})

describe('predictionsOf', () => {
  it('is the first of the highest logits, or the score itself', () => {
    const logits = Float32Array.of(1, 3, 3, 2, -1, -2)
    expect([...predictionsOf(tensor(logits, [2, 3]))]).toEqual([1, 0])
    expect([...predictionsOf(tensor(logits, [6, 1]))]).toEqual([...logits])
    expect(() => predictionsOf({ shape: [6], data: logits })).toThrow(
      new ShapeError('expected logits [n, classes], found [6]'),
    )
  })
})
