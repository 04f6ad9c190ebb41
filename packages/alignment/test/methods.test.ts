import { drawSymmetry, type Graph, keepsFunction, randomParameters, symmetries } from '@isthmus/model'
import {
  identityPermutation,
  type Permutation,
  permutation,
  permuteAxis,
  type Tensor,
  UserError,
} from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Alignment,
  type AlignmentSpace,
  align,
  alignmentKeepsFunction,
  alignmentMethod,
  alignWeights,
  decoderOf,
  hasSoftTransports,
  learnedComponents,
  matchers,
  matchInsideHeads,
  methodAliases,
  methodFeatureSets,
  needsWeights,
} from '../src/index.ts'
import { type BertSizes, bertSizes, correlateInterpreted, randomCorrelations, smallBert } from './random-bert.ts'
import { noCorrelation, plainProduct, randomWeights } from './small-models.ts'

/** Every way to write a matcher: without options, and with each that it has. */
const termsOf = (component: string) =>
  matchers
    .filter((matcher) => matcher.component === component)
    .flatMap(({ id, options }) => [
      id,
      ...(options.includes('solver') ? [`${id}/sinkhorn`] : []),
      ...(options.includes('separateQueryKey') ? [`${id}/qk`] : []),
      ...(options.includes('decoder') ? [`${id}/untied`, `${id}/released-code`] : []),
    ])
const attentionTerms = termsOf('attention')
const residualTerms = termsOf('residual')
/** At most one matcher for each component; beside the residual stream's, the best of the others. */
const methodNames = [
  'vanilla',
  ...termsOf('ffn'),
  ...attentionTerms,
  ...termsOf('ffn').flatMap((ffn) => attentionTerms.map((attention) => `${ffn}+${attention}`)),
  ...['', 'ffn+', 'attention/head-perm+', 'ffn+attention/head-perm/qk+'].flatMap((others) =>
    residualTerms.map((residual) => `${others}${residual}`),
  ),
]

/** Those that match features alone, and those that look at weights. */
const featureMethods = methodNames.filter((name) => !needsWeights(alignmentMethod(name)))
const weightMethods = methodNames.filter((name) => needsWeights(alignmentMethod(name)))

/** Align a random BERT by a method, from random correlations. */
function randomAlignment(name: string, sizes: fc.Arbitrary<BertSizes> = bertSizes) {
  const method = alignmentMethod(name)
  return sizes.chain((size) => {
    const graph = smallBert(size, decoderOf(method.space))
    return randomCorrelations(methodFeatureSets(method, graph)).map((correlations) => ({
      size,
      graph,
      correlations,
      alignment: align(method, { graph, correlation: (set: string) => correlations.get(set)! }),
    }))
  })
}

/** What is said of a method that breaks the symmetry. */
function reasonOf(name: string): string {
  if (name.includes('separate')) {
    return 'the Add&Norms of the residual stream are permuted apart, while the skips tie them.'
  }
  if (name.includes('released-code')) {
    return 'the decoder reads features that are permuted twice, the head writes them as they were.'
  }
  return "the permutation of 'queryKey.0' mixes features of different heads."
}

/** Whether an override happens to be none: all Add&Norms permuted alike, or a permutation that undoes itself. */
function isKeptByAccident(name: string, { permutations }: Alignment): boolean {
  const stream = [...permutations].filter(([axis]) => axis.startsWith('residual')).map(([, p]) => [...p].join())
  if (name.includes('separate')) return new Set(stream).size === 1
  const twice = permutations.get('residual')?.map((from, _, p) => p[from]!)
  return name.includes('released-code') && [...twice!].join() === [...twice!.keys()].join()
}

describe('align', () => {
  const kept = featureMethods.filter((name) => alignmentMethod(name).symmetry === 'kept')

  it.each(kept)('stays in the symmetry group: %s', (name) => {
    fc.assert(
      fc.property(randomAlignment(name), ({ graph, alignment }) => {
        expect(alignmentKeepsFunction(graph, alignment)).toEqual({ kept: true })
        expect(keepsFunction(symmetries(graph), alignment.permutations)).toEqual({ kept: true })
      }),
      { numRuns: 40 },
    )
  })

  it.each(featureMethods.filter((name) => !kept.includes(name)))('leaves the symmetry group: %s', (name) => {
    const generic = fc.record({
      layers: fc.constant(1),
      numHeads: fc.integer({ min: 3, max: 4 }),
      headSize: fc.integer({ min: 3, max: 4 }),
      intermediateSize: fc.constant(3),
    })
    fc.assert(
      fc.property(randomAlignment(name, generic), ({ graph, alignment }) => {
        fc.pre(!isKeptByAccident(name, alignment))
        expect(alignmentKeepsFunction(graph, alignment)).toEqual({ kept: false, reason: reasonOf(name) })
      }),
      // One in some hundred random permutations of this size keeps heads together: the draws are fixed.
      { seed: 2024, numRuns: 25 },
    )
  })

  it('permutes the axes of its components, and no other', () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom(...featureMethods)
          .chain((name) => randomAlignment(name).map((result) => ({ name, ...result }))),
        ({ name, size, alignment }) => {
          const layers = [...Array(size.layers).keys()]
          const ffn = name.includes('ffn') ? layers.map((layer) => `ffn.${layer}`) : []
          const moves = name.includes('attention') && !name.includes('attention/identity')
          const attention = moves ? layers.flatMap((layer) => [`attention.${layer}`, `queryKey.${layer}`]) : []
          expect([...alignment.permutations.keys()].sort()).toEqual(
            [...attention, ...ffn, ...streamAxes(name, size.layers)].sort(),
          )
        },
      ),
    )
  })

  it('gives query and key the permutation of value and context, unless they have one of their own', () => {
    fc.assert(
      fc.property(
        fc
          .constantFrom('attention/head-perm', 'attention/monotonic', 'attention/ignore-heads')
          .chain((name) => randomAlignment(name)),
        ({ size, alignment: { permutations } }) => {
          for (let layer = 0; layer < size.layers; layer++) {
            expect(permutations.get(`queryKey.${layer}`)).toEqual(permutations.get(`attention.${layer}`))
          }
        },
      ),
    )
  })

  it.each(['attention/head-perm/qk', 'attention/monotonic/qk'])(
    'matches query and key inside the same heads by features of their own: %s',
    (name) => {
      fc.assert(
        fc.property(randomAlignment(name), ({ size, alignment: { permutations }, correlations }) => {
          for (let layer = 0; layer < size.layers; layer++) {
            const outer = headsOf(permutations.get(`attention.${layer}`)!, size)
            const queryKey = permutations.get(`queryKey.${layer}`)!
            expect(headsOf(queryKey, size)).toEqual(outer)
            const { inner } = matchInsideHeads(correlations.get(`queryKey.${layer}`)!, outer)
            expect([...queryKey].map((i) => i % size.headSize)).toEqual(inner.flatMap((p) => [...p]))
          }
        }),
      )
    },
  )

  it.each(['attention/monotonic', 'attention/monotonic/qk'])('leaves the heads in order: %s', (name) => {
    fc.assert(
      fc.property(randomAlignment(name), ({ size, alignment: { permutations } }) => {
        for (const p of permutations.values()) expect(headsOf(p, size)).toEqual(identityPermutation(size.numHeads))
      }),
    )
  })
})

describe('alignWeights', () => {
  const sizes = { layers: 2, numHeads: 3, headSize: 3, intermediateSize: 5 }

  it.each(weightMethods)('keeps the symmetry group if it is said to, and else leaves it: %s', async (name) => {
    const method = alignmentMethod(name)
    const graph = smallBert(sizes, decoderOf(method.space))
    const sets = methodFeatureSets(method, graph)
    const [correlations] = fc.sample(randomCorrelations(sets), { seed: 2024, numRuns: 1 })
    const alignment = await alignWeights(method, {
      graph,
      correlation: (set) => correlations!.get(set)!,
      a: randomWeights(graph, 1),
      b: randomWeights(graph, 2),
      product: plainProduct,
    })
    expect(alignmentKeepsFunction(graph, alignment).kept).toBe(method.symmetry === 'kept')
    expect(alignment.permutations.size + (alignment.transports?.size ?? 0)).toBeGreaterThan(0)
    expect(alignment.transports !== undefined).toBe(hasSoftTransports(method))
  })

  it('is what a method that looks at weights needs', () => {
    const graph = smallBert(sizes)
    const correlation = noCorrelation
    expect(() => align(alignmentMethod('weight-matching'), { graph, correlation })).toThrow(
      'weight-matching matches weights, and cannot be aligned by features alone',
    )
  })
})

/** The axes of the residual stream: one, or with `separate` one for each Add&Norm. */
function streamAxes(name: string, layers: number): string[] {
  if (name.includes('separate')) {
    const norms = (layer: number) => [`residual.${layer}.attention`, `residual.${layer}.output`]
    return ['residual', ...[...Array(layers).keys()].flatMap(norms)]
  }
  return /residual\/(first|last|all)/.test(name) ? ['residual'] : []
}

/** Which head of B each head of A takes, by its first feature. */
function headsOf(p: Permutation, { headSize }: BertSizes): Permutation {
  return permutation(p.filter((_, i) => i % headSize === 0).map((feature) => Math.floor(feature / headSize)))
}

type Parameters = ReadonlyMap<string, Tensor<Float64Array>>

describe('a planted permutation', () => {
  const sizes = { layers: 2, numHeads: 3, headSize: 3, intermediateSize: 8 }
  const graph = smallBert(sizes)
  const a = randomParameters(graph, 1)

  it.each([
    ['ffn', ['ffn.0', 'ffn.1']],
    ['head-perm/qk', ['ffn.0', 'ffn.1', 'attention.0', 'attention.1', 'queryKey.0', 'queryKey.1']],
    ['attention/head-perm', ['attention.0', 'attention.1']],
    ['attention/ignore-heads', ['attention.0', 'attention.1']],
    ['residual/first', ['residual']],
    ['residual/last', ['residual']],
    ['residual/all', ['residual']],
    ['ffn+attention/head-perm+residual/all', ['ffn.0', 'ffn.1', 'attention.0', 'attention.1', 'residual']],
  ])('is found from the features of a noisy, permuted copy: %s', (name, axes) => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const found = alignNoisyCopy(name, seed)
        for (const axis of axes) {
          const undone = [...found.alignment.permutations.get(axis)!].map((i) => found.planted.get(axis)![i])
          expect(undone, axis).toEqual([...undone.keys()])
        }
      }),
      { seed: 2024, numRuns: 20 },
    )
  })

  function alignNoisyCopy(name: string, seed: number) {
    const group = symmetries(graph)
    const planted = drawSymmetry(group, seed)
    const method = alignmentMethod(name)
    const b = permuted(graph, noisy(graph, a, seed), planted)
    const correlations = correlateInterpreted(graph, a, b, methodFeatureSets(method, graph))
    return {
      planted,
      alignment: align(method, { graph, correlation: (set) => correlations.get(set)! }),
    }
  }
})

/** Parameters with one part in a hundred of noise: no permutation, and none that a correlation could mistake for one. */
function noisy(graph: Graph, parameters: Parameters, seed: number): Parameters {
  const noise = randomParameters(graph, seed)
  return new Map(
    [...parameters].map(([name, { shape, data }]) => {
      const { data: added } = noise.get(name)!
      return [name, { shape, data: data.map((value, i) => value + 0.01 * added[i]!) }]
    }),
  )
}

function permuted(graph: Graph, parameters: Parameters, permutations: ReadonlyMap<string, Permutation>): Parameters {
  const result = new Map(parameters)
  for (const { name, members } of symmetries(graph).axes) {
    const p = permutations.get(name)
    if (p === undefined) continue
    for (const { parameter, axis } of members) result.set(parameter, permuteAxis(result.get(parameter)!, axis, p))
  }
  return result
}

describe('alignmentMethod', () => {
  it('reads canonical names as they are', () => {
    for (const name of methodNames) expect(alignmentMethod(name).name).toBe(name)
  })

  it('reads the names of Table 1, and of methods that move all components', () => {
    expect(Object.keys(methodAliases).map((alias) => alignmentMethod(alias).name)).toEqual([
      'ffn+attention/identity',
      'ffn+attention/monotonic',
      'ffn+attention/ignore-heads',
      'ffn+attention/head-perm',
      'weight-matching',
      'optimal-transport',
    ])
    expect(alignmentMethod('head-perm/qk').name).toBe('ffn+attention/head-perm/qk')
  })

  it('gives one method one name, in whatever order its parts are written', () => {
    expect(alignmentMethod('attention/head-perm/qk/qk+ffn').name).toBe('ffn+attention/head-perm/qk')
  })

  it.each([
    ['residual/weights+attention/weights+ffn/weights', 'weight-matching'],
    ['ffn/weights+attention/weights+residual/weights/untied', 'weight-matching/untied'],
    ['ffn/weights+attention/weights', 'ffn/weights+attention/weights'],
    ['ffn/transport+attention/transport+residual/transport', 'optimal-transport'],
    ['optimal-transport/untied/sinkhorn', 'optimal-transport/sinkhorn/untied'],
    ['ffn/transport/sinkhorn+attention/transport/sinkhorn+residual/transport/sinkhorn', 'optimal-transport/sinkhorn'],
    [
      'ffn/transport+attention/transport/sinkhorn+residual/transport',
      'ffn/transport+attention/transport/sinkhorn+residual/transport',
    ],
    ['ffn+attention/weights+residual/first', 'ffn+attention/weights+residual/first'],
  ])('names by the alias what an alias stands for as a whole: %s is %s', (written, name) => {
    expect(alignmentMethod(written).name).toBe(name)
    expect(alignmentMethod(name)).toEqual(alignmentMethod(written))
  })

  it('gives the options of an alias to all of its parts that have them', () => {
    const optionsOf = (name: string) => alignmentMethod(name).steps.map(({ options }) => options)
    expect(optionsOf('optimal-transport/sinkhorn').map(({ solver }) => solver)).toEqual(Array(3).fill('sinkhorn'))
    expect(optionsOf('optimal-transport/sinkhorn/untied').map(({ decoder }) => decoder)).toEqual([
      'exact',
      'exact',
      'untied',
    ])
    expect(optionsOf('head-perm/qk').map(({ separateQueryKey }) => separateQueryKey)).toEqual([false, true])
  })

  it('learns from the method of the other parts, by a name of its own', () => {
    for (const start of methodNames.filter((name) => alignmentMethod(name).symmetry === 'kept' && name !== 'vanilla')) {
      const method = alignmentMethod(`${start}+learned`)
      expect(method).toEqual({
        ...alignmentMethod(start),
        name: `${alignmentMethod(start).name}+learned`,
        learnedFrom: alignmentMethod(start),
      })
      expect(alignmentMethod(method.name)).toEqual(method)
      expect(alignmentMethod(start).learnedFrom).toBeNull()
    }
    expect(alignmentMethod('learned+head-perm').name).toBe('ffn+attention/head-perm+learned')
    expect(alignmentMethod('weight-matching+learned').name).toBe('weight-matching+learned')
  })

  it('learns from the models as they are, where no part is named', () => {
    const method = alignmentMethod('learned')
    expect(method).toEqual({ ...alignmentMethod('vanilla'), name: 'learned', learnedFrom: alignmentMethod('vanilla') })
    expect(learnedComponents(method.steps)).toEqual(['ffn', 'attention', 'residual'])
    expect(learnedComponents(alignmentMethod('head-perm+learned').steps)).toEqual(['ffn', 'attention'])
  })

  it('tells what breaks the symmetry', () => {
    const broken = methodNames.filter((name) => alignmentMethod(name).symmetry === 'broken')
    expect(broken.length).toBeGreaterThan(0)
    expect(broken).toEqual(methodNames.filter((name) => /ignore-heads|separate|released-code|sinkhorn/.test(name)))
  })

  it('tells which symmetries its permutations are of', () => {
    const spaceOf = (name: string) => alignmentMethod(name).space
    expect(spaceOf('head-perm')).toEqual({ skips: 'kept', decoder: 'exact' })
    expect(spaceOf('residual/identity')).toEqual({ skips: 'kept', decoder: 'exact' })
    expect(spaceOf('ffn+residual/first')).toEqual({ skips: 'kept', decoder: 'exact' })
    expect(spaceOf('ffn+residual/last/untied')).toEqual({ skips: 'kept', decoder: 'untied' })
    expect(spaceOf('residual/separate')).toEqual({ skips: 'ignored', decoder: 'exact' })
    expect(spaceOf('residual/separate/released-code')).toEqual({ skips: 'ignored', decoder: 'released-code' })
    expect(
      ['exact', 'untied', 'released-code'].map((decoder) => decoderOf({ skips: 'kept', decoder } as AlignmentSpace)),
    ).toEqual(['tied', 'untied', 'untied'])
  })

  const known = ['vanilla', 'learned', ...Object.keys(methodAliases), ...matchers.map(({ id }) => id)]
  const parts = `${known.join(', ')}, joined by +`

  it.each([
    ['telepathy', `method 'telepathy' has an unknown part 'telepathy'; there are ${parts}`],
    ['constructor', `method 'constructor' has an unknown part 'constructor'; there are ${parts}`],
    ['', `method '' has an unknown part ''; there are ${parts}`],
    ['ffn+', `method 'ffn+' has an unknown part ''; there are ${parts}`],
    ['ffn+attention/none', `method 'ffn+attention/none' has an unknown part 'attention/none'; there are ${parts}`],
    ['ffn+ffn', "method 'ffn+ffn' aligns ffn 2 times; name it once"],
    ['ffn+head-perm', "method 'ffn+head-perm' aligns ffn 2 times; name it once"],
    [
      'attention/monotonic+attention/head-perm',
      "method 'attention/monotonic+attention/head-perm' aligns attention 2 times; name it once",
    ],
    [
      'vanilla+ffn',
      "method 'vanilla+ffn' joins vanilla, which aligns nothing, with other parts; leave one of them out",
    ],
    ['ffn/qk', "method 'ffn/qk': ffn has no option 'qk'; it has none"],
    ['head-perm/fast', "method 'head-perm/fast': attention/head-perm has no option 'fast'; it has qk"],
    ['head-perm/', "method 'head-perm/': attention/head-perm has no option ''; it has qk"],
    ['residual/first+residual/last', "method 'residual/first+residual/last' aligns residual 2 times; name it once"],
    [
      'residual/first/qk',
      "method 'residual/first/qk': residual/first has no option 'qk'; it has untied, released-code",
    ],
    [
      'residual/all/exact',
      "method 'residual/all/exact': residual/all has no option 'exact'; it has untied, released-code",
    ],
    [
      'residual/identity/untied',
      "method 'residual/identity/untied': residual/identity has no option 'untied'; it has none",
    ],
    ['head-perm/untied', "method 'head-perm/untied': attention/head-perm has no option 'untied'; it has qk"],
    [
      'residual/first/untied/released-code',
      "method 'residual/first/untied/released-code': residual/first has both untied and released-code, which exclude one another; " +
        'leave one of them out',
    ],
    [
      'weight-matching/sinkhorn',
      "method 'weight-matching/sinkhorn': residual/weights has no option 'sinkhorn'; it has untied, released-code",
    ],
    ['weight-matching+ffn', "method 'weight-matching+ffn' aligns ffn 2 times; name it once"],
    ['ffn/transport/untied', "method 'ffn/transport/untied': ffn/transport has no option 'untied'; it has sinkhorn"],
    ['learned+ffn+learned', "method 'learned+ffn+learned' names learned 2 times; name it once"],
    ['vanilla+learned', "method 'vanilla+learned' learns from vanilla, which aligns nothing: write learned alone"],
    ['learned/fast', `method 'learned/fast' has an unknown part 'learned/fast'; there are ${parts}`],
    ['telepathy+learned', `method 'telepathy' has an unknown part 'telepathy'; there are ${parts}`],
    ...[
      'ffn+attention/ignore-heads',
      'residual/separate',
      'optimal-transport/sinkhorn',
      'residual/first/released-code',
    ].map((start): [string, string] => [
      `${start}+learned`,
      `method '${start}+learned' learns from ${start}, which changes the function, but only permutations that keep it can ` +
        'be learned; start from a method that keeps it, such as head-perm or weight-matching',
    ]),
    ['ignore-heads/qk', "method 'ignore-heads/qk': attention/ignore-heads has no option 'qk'; it has none"],
  ])("refuses '%s'", (name, sentence) => {
    expect(() => alignmentMethod(name)).toThrow(new UserError(sentence))
  })
})

describe('matchers', () => {
  it('each have a name of their own, a summary, and a reference with author, year and place', () => {
    expect(new Set(matchers.map(({ id }) => id)).size).toBe(matchers.length)
    for (const { id, component, summary, reference } of matchers) {
      expect(id.split('/')[0]).toBe(component)
      expect(summary).toMatch(/\w+ \w+/)
      expect(reference, id).toMatch(/^[A-Z].+ \(\d{4}\), \S/)
    }
  })

  it('ask for the features of their layers, query and key pooled', () => {
    const graph = smallBert({ layers: 2, numHeads: 2, headSize: 2, intermediateSize: 3 })
    expect(methodFeatureSets(alignmentMethod('head-perm/qk'), graph)).toEqual([
      { name: 'ffn.0', taps: ['ffn.0'], width: 3 },
      { name: 'ffn.1', taps: ['ffn.1'], width: 3 },
      { name: 'attention.0', taps: ['attention.0'], width: 4 },
      { name: 'queryKey.0', taps: ['query.0', 'key.0'], width: 4 },
      { name: 'attention.1', taps: ['attention.1'], width: 4 },
      { name: 'queryKey.1', taps: ['query.1', 'key.1'], width: 4 },
    ])
  })

  it('ask for the features of the residual stream: at one tap, at each, or all by their mean covariance', () => {
    const graph = smallBert({ layers: 1, numHeads: 2, headSize: 2, intermediateSize: 3 })
    const setsOf = (name: string) => methodFeatureSets(alignmentMethod(name), graph)
    const [first, middle, last] = ['residual.embeddings', 'residual.0.attention', 'residual.0.output'].map((name) => ({
      name,
      taps: [name],
      width: 4,
    }))
    expect(setsOf('residual/first/untied')).toEqual([first])
    expect(setsOf('residual/last')).toEqual([last])
    expect(setsOf('residual/separate')).toEqual([first, middle, last])
    const taps = [first, middle, last].map((set) => set!.name)
    expect(setsOf('residual/all')).toEqual([{ name: 'residual.all', taps, width: 4, combine: 'meanCovariance' }])
  })

  it('ask for no correlation twice', () => {
    const graph = smallBert({ layers: 3, numHeads: 2, headSize: 2, intermediateSize: 3 })
    for (const name of methodNames) {
      const names = methodFeatureSets(alignmentMethod(name), graph).map((set) => set.name)
      expect(new Set(names).size, name).toBe(names.length)
    }
  })
})
