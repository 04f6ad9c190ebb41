import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defineStudy,
  expandStudy,
  overrideSettings,
  type StudyDefinition,
  type StudySettings,
  sweep,
} from '../src/index.ts'

const base: StudyDefinition = defineStudy({ name: 'example', title: 'An example' })
const expand = (definition: unknown) => expandStudy(definition as StudyDefinition, 'study.ts')

describe('expandStudy', () => {
  it('fills in every default', () => {
    const { variants } = expand(base)
    expect(variants).toHaveLength(1)
    expect(variants[0]).toMatchObject({ name: '', swept: {}, settings: { lambdas: 21, alignment: { fraction: 0.1 } } })
  })

  it('makes the grid of several sweeps, each point named by its swept settings', () => {
    const { variants } = expand({
      ...base,
      alignment: { fraction: sweep([0.1, 1]), seed: sweep([0, 1, 2]) },
      lambdas: sweep([3, [0, 0.5, 1]]),
    })
    expect(variants).toHaveLength(12)
    expect(new Set(variants.map(({ name }) => name)).size).toBe(12)
    expect(variants[0]!.name).toBe('alignment.fraction=0.1, alignment.seed=0, lambdas=3')
    expect(variants.at(-1)!.settings).toMatchObject({ alignment: { fraction: 1, seed: 2 }, lambdas: [0, 0.5, 1] })
  })

  it('has as many variants as the product of its sweeps, whatever is swept', () => {
    const values = fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(values, values, (seeds, masks) => {
        const { variants } = expand({ ...base, alignment: { seed: sweep(seeds) }, evaluation: { seed: sweep(masks) } })
        expect(variants).toHaveLength(seeds.length * masks.length)
        for (const { settings, swept } of variants) {
          expect(swept).toEqual({
            'alignment.seed': settings.alignment.seed,
            'evaluation.seed': settings.evaluation.seed,
          })
        }
      }),
    )
  })

  it('sweeps settings together, each point named by all that any of them sets', () => {
    const { variants } = expand({
      ...base,
      alignment: sweep([{ fraction: 0.5, seed: 1 }, { maxTokens: 64 }]),
      lambdas: sweep([3, 5]),
    })
    expect(variants.map(({ name }) => name)).toEqual([
      'alignment.fraction=0.5, alignment.seed=1, lambdas=3, alignment.maxTokens=512',
      'alignment.fraction=0.5, alignment.seed=1, lambdas=5, alignment.maxTokens=512',
      'alignment.fraction=0.1, alignment.seed=0, lambdas=3, alignment.maxTokens=64',
      'alignment.fraction=0.1, alignment.seed=0, lambdas=5, alignment.maxTokens=64',
    ])
    for (const { swept, settings } of variants) {
      expect(swept).toMatchObject({
        'alignment.fraction': settings.alignment.fraction,
        'alignment.seed': settings.alignment.seed,
        'alignment.maxTokens': settings.alignment.maxTokens,
      })
    }
  })

  it('sweeps within points of a sweep', () => {
    const { variants } = expand({ ...base, alignment: sweep([{ seed: sweep([1, 2]), fraction: 0.5 }, {}]) })
    expect(variants.map(({ name }) => name)).toEqual([
      'alignment.seed=1, alignment.fraction=0.5',
      'alignment.seed=2, alignment.fraction=0.5',
      'alignment.seed=0, alignment.fraction=0.1',
    ])
  })

  it('types points of a sweep as parts of settings', () => {
    const points = sweep([{ fraction: 0.1 }, { seed: 1 }])
    expect(expand(defineStudy({ ...base, alignment: points })).variants).toHaveLength(2)
  })

  const grid = { ...base, alignment: { fraction: sweep([0.1, 0.5, 1]), seed: sweep([0, 1]) } }

  it('leaves out points of which the condition is false, with defaults filled in', () => {
    const { variants } = expand({
      ...grid,
      where: ({ alignment, lambdas }: StudySettings) =>
        lambdas === 21 && (alignment.fraction < 1 || alignment.seed === 0),
    })
    expect(variants.map(({ name }) => name)).toEqual(
      expand(grid).variants.flatMap(({ name }) => (name === 'alignment.fraction=1, alignment.seed=1' ? [] : [name])),
    )
  })

  it('takes a random part of the grid, in its order', () => {
    const names = (sample: object) => expand({ ...grid, sample }).variants.map(({ name }) => name)
    const all = expand(grid).variants.map(({ name }) => name)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 1000 }), (count, seed) => {
        const taken = names({ count, seed })
        expect(taken).toHaveLength(Math.min(count, all.length))
        expect(taken).toEqual(all.filter((name) => taken.includes(name)))
        expect(names({ count: count + 1, seed })).toEqual(expect.arrayContaining(taken))
      }),
    )
    const picks = Array.from({ length: 50 }, (_, seed) => names({ count: 1, seed })[0])
    expect(new Set(picks)).toEqual(new Set(all))
  })

  it('keeps the picks of a sample when the grid grows, but for those that new points push out', () => {
    const names = (seeds: readonly number[], count: number) => {
      const alignment = { seed: sweep(seeds), fraction: sweep([0.1, 1]) }
      return expand({ ...base, alignment, sample: { count } }).variants.map(({ name }) => name)
    }
    const seeds = fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(seeds, seeds, fc.integer({ min: 1, max: 5 }), (some, others, count) => {
        const more = [...new Set([...others, ...some])]
        const whole = new Set(names(some, 100))
        const kept = names(more, count).filter((name) => whole.has(name))
        expect(names(some, count)).toEqual(expect.arrayContaining(kept))
      }),
    )
  })

  it.each<[string, object, string]>([
    [
      'a condition that nothing meets',
      { ...grid, where: () => false },
      'study.ts: the condition, where, is true of none of the 6 points that are swept: change it, or sweep other values',
    ],
    ['no condition', { where: 'always' }, 'study.ts: where must be a function of a point\'s settings, found "always"'],
    [
      'a sample of nothing',
      { sample: { count: 0 } },
      'study.ts: sample.count: Too small: expected number to be >0; expected how many points of the grid to take, as in --set sample.count=10 --set sample.seed=1',
    ],
    [
      'an unknown setting',
      { alignmnt: {} },
      "study.ts: there is no setting 'alignmnt'; the settings are family, seeds, pairs, books, wikitext, images, task, methods, lambdas, alignment, evaluation, transport, learned, fineTuning, capture, engine",
    ],
    [
      'an unknown inner setting',
      { alignment: { fractoin: 1 } },
      "study.ts: there is no setting 'alignment.fractoin'; the settings of alignment are linesPerBook, fraction, seed, maxTokens, specialTokens",
    ],
    [
      'a value out of range',
      { alignment: { fraction: 2 } },
      'study.ts: alignment.fraction is 2: Too big: expected number to be <=1',
    ],
    [
      'no endpoint',
      { lambdas: [0, 0.5] },
      'study.ts: lambdas is [0,0.5]: the points must include 0 and 1, the two models themselves',
    ],
    ['a seed named twice', { seeds: [1, 1] }, 'study.ts: seeds names 1 twice'],
    ['one seed', { seeds: [1] }, 'study.ts: seeds has 1 seed, and pairs of different seeds need at least 2'],
    ['a pair of one model', { pairs: [[1, 1]] }, 'study.ts: pairs has [1, 1], a model with itself'],
    [
      'a pair of a seed that is not there',
      { pairs: [[1, 9]] },
      'study.ts: pairs names seed 9, which is not among seeds 1, 2, 3, 4',
    ],
    ['an empty sweep', { lambdas: sweep([]) }, 'study.ts: lambdas is swept over no values'],
    ['no title', { title: '' }, 'study.ts: title must be a text, found ""'],
  ])('says what is wrong: %s', (_, change, sentence) => {
    expect(() => expand({ ...base, ...change })).toThrow(new UserError(sentence))
  })
})

describe('overrideSettings', () => {
  it.each<[string, unknown]>([
    ['alignment.fraction=0.5', { alignment: { fraction: 0.5 } }],
    ['seeds=1..4', { seeds: [1, 2, 3, 4] }],
    ['methods=vanilla,head-perm', { methods: ['vanilla', 'head-perm'] }],
    ['pairs=[[1,2]]', { pairs: [[1, 2]] }],
    ['books=some/folder', { books: 'some/folder' }],
    ['alignment.fraction=sweep(0.1,1)', { alignment: { fraction: { sweep: [0.1, 1] } } }],
    ['alignment.seed=sweep(1..3)', { alignment: { seed: { sweep: [1, 2, 3] } } }],
  ])('reads %s', (assignment, expected) => {
    expect(overrideSettings(base, [assignment])).toEqual({ ...base, ...(expected as object) })
  })

  it('replaces a setting in each point of a sweep that it is among', () => {
    const swept = { ...base, alignment: sweep([{ seed: 1 }, { seed: 2 }]) }
    expect(overrideSettings(swept, ['alignment.fraction=0.5'])).toEqual({
      ...base,
      alignment: sweep([
        { seed: 1, fraction: 0.5 },
        { seed: 2, fraction: 0.5 },
      ]),
    })
  })

  it('asks for a sample of the grid', () => {
    const assignments = ['alignment.seed=sweep(1..9)', 'sample.count=4', 'sample.seed=1']
    expect(expand(overrideSettings(base, assignments)).variants).toHaveLength(4)
  })

  it('takes a single value for a list', () => {
    expect(expand(overrideSettings(base, ['methods=vanilla'])).variants[0]!.settings.methods).toEqual(['vanilla'])
  })

  it.each(['fraction', '=1', 'alignment..seed=1'])('refuses %s', (assignment) => {
    expect(() => overrideSettings(base, [assignment])).toThrow(
      new UserError(`--set ${assignment}: expected setting=value, as in --set alignment.fraction=0.5`),
    )
  })
})
