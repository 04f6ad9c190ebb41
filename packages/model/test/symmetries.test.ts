import { type Permutation, permutation } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawSymmetry, graphBuilder, interpret, keepsFunction, type PermutableAxis, symmetries } from '../src/index.ts'
import { logitDifference, permuted, type RandomBert, randomBert } from './random-bert.ts'

/** In f64, on logits of some tens: a sum that is only reordered moves by some 1e-14. */
const kept = 1e-10
/** Generic weights move logits by tenths or more; this is far above rounding and far below that. */
const changed = 1e-6
/** Almost all weights are generic, but not all, so these cases are drawn from a fixed seed. */
const genericRuns = { seed: 2024, numRuns: 25 }

const layersOf = ({ config }: RandomBert) => [...Array(config.numHiddenLayers).keys()]

function axisNamed({ graph }: RandomBert, name: string): PermutableAxis {
  return symmetries(graph).axes.find((axis) => axis.name === name)!
}

/** Every feature one place on. */
function rotation(size: number): Permutation {
  return permutation(Int32Array.from({ length: size }, (_, i) => (i + 1) % size))
}

/** Every head one place on, in the same order inside. */
function headRotation({ size, heads }: PermutableAxis): Permutation {
  const headSize = size / heads!.numHeads
  return permutation(Int32Array.from({ length: size }, (_, i) => (i + headSize) % size))
}

/** Every feature one place on within its head. */
function innerRotation({ size, heads }: PermutableAxis): Permutation {
  const headSize = size / heads!.numHeads
  return permutation(Int32Array.from({ length: size }, (_, i) => i - (i % headSize) + ((i + 1) % headSize)))
}

/** A permutation of one axis that, carried out on all members, keeps the function. */
function ownRotation(axis: PermutableAxis): Permutation {
  return axis.heads === null ? rotation(axis.size) : innerRotation(axis)
}

function differenceOf(model: RandomBert, members: PermutableAxis['members'], p: Permutation): number {
  return logitDifference(model, model.parameters, permuted(model.parameters, members, p))
}

describe('a permutation drawn from the derived symmetries', () => {
  it('leaves the logits unchanged', () => {
    fc.assert(
      fc.property(randomBert({ generic: false }), fc.integer(), (model, seed) => {
        const derived = symmetries(model.graph)
        const drawn = drawSymmetry(derived, seed)
        let parameters = model.parameters
        for (const axis of derived.axes) parameters = permuted(parameters, axis.members, drawn.get(axis.name)!)
        expect(logitDifference(model, model.parameters, parameters)).toBeLessThan(kept)
      }),
    )
  })

  it('may be of a single axis, where it keeps the order of heads', () => {
    fc.assert(
      fc.property(randomBert({ generic: true }), (model) => {
        for (const axis of symmetries(model.graph).axes) {
          expect(differenceOf(model, axis.members, ownRotation(axis)), axis.name).toBeLessThan(kept)
        }
      }),
      genericRuns,
    )
  })

  it('of the residual stream permutes `hidden` and the features at its taps', () => {
    fc.assert(
      fc.property(randomBert({ generic: false }), fc.integer(), ({ graph, parameters, inputs }, seed) => {
        const derived = symmetries(graph)
        const residual = derived.axisOfTap('residual.embeddings')!
        const p = drawSymmetry(derived, seed).get('residual')!
        const names = ['hidden', 'residual.0.attention']
        const before = interpret(graph, parameters, inputs, names)
        const after = interpret(graph, permuted(parameters, residual.members, p), inputs, names)
        for (const name of names) {
          const expected = before[name]!.data.map((_, i, data) => data[i - (i % p.length) + p[i % p.length]!]!)
          const difference = expected.map((x, i) => Math.abs(x - after[name]!.data[i]!))
          expect(Math.max(...difference)).toBeLessThan(kept)
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('a permutation outside of the derived symmetries changes the logits', () => {
  it('one member of an axis alone', () => {
    fc.assert(
      fc.property(randomBert({ generic: true }), (model) => {
        for (const axis of symmetries(model.graph).axes) {
          for (const member of axis.members) {
            // A key's bias adds the same to every score of a query; softmax removes it.
            if (member.parameter.endsWith('self.key.bias')) continue
            const difference = differenceOf(model, [member], ownRotation(axis))
            expect(difference, `${member.parameter} ${member.axis}`).toBeGreaterThan(changed)
          }
        }
      }),
      genericRuns,
    )
  })

  it('all members of an axis but one', () => {
    fc.assert(
      fc.property(randomBert({ generic: true }), (model) => {
        for (const axis of symmetries(model.graph).axes) {
          for (const left of axis.members) {
            if (left.parameter.endsWith('self.key.bias')) continue
            const others = axis.members.filter((member) => member !== left)
            const difference = differenceOf(model, others, ownRotation(axis))
            expect(difference, `${left.parameter} ${left.axis}`).toBeGreaterThan(changed)
          }
        }
      }),
      { ...genericRuns, numRuns: 8 },
    )
  })

  it('a fixed axis', () => {
    fc.assert(
      fc.property(randomBert({ generic: true }), (model) => {
        const { fixed } = symmetries(model.graph)
        const names = fixed.map(({ parameter }) => parameter)
        expect(names).toContain('cls.predictions.bias')
        expect(names).toContain('bert.embeddings.word_embeddings.weight')
        for (const member of fixed) {
          const size = model.parameters.get(member.parameter)!.shape[member.axis]!
          if (size === 1) continue
          expect(differenceOf(model, [member], rotation(size)), member.parameter).toBeGreaterThan(changed)
        }
      }),
      genericRuns,
    )
  })

  it('an attention axis across its heads', () => {
    fc.assert(
      fc.property(randomBert({ generic: true }), (model) => {
        for (const axis of layersOf(model).flatMap((l) => [`attention.${l}`, `queryKey.${l}`])) {
          const { members, size } = axisNamed(model, axis)
          expect(differenceOf(model, members, rotation(size)), axis).toBeGreaterThan(changed)
        }
      }),
      genericRuns,
    )
  })

  it('another order of heads for query and key than for value and context', () => {
    fc.assert(
      fc.property(randomBert({ generic: true }), (model) => {
        for (const layer of layersOf(model)) {
          const [context, queryKey] = [axisNamed(model, `attention.${layer}`), axisNamed(model, `queryKey.${layer}`)]
          for (const axis of [context, queryKey]) {
            expect(differenceOf(model, axis.members, headRotation(axis)), axis.name).toBeGreaterThan(changed)
          }
          const both = [...context.members, ...queryKey.members]
          expect(differenceOf(model, both, headRotation(context))).toBeLessThan(kept)
        }
      }),
      genericRuns,
    )
  })

  it('another order within heads for query than for key', () => {
    fc.assert(
      fc.property(randomBert({ generic: true }), (model) => {
        for (const layer of layersOf(model)) {
          const axis = axisNamed(model, `queryKey.${layer}`)
          const query = axis.members.filter(({ parameter }) => parameter.includes('query'))
          expect(query).toHaveLength(2)
          expect(differenceOf(model, query, innerRotation(axis))).toBeGreaterThan(changed)
        }
      }),
      genericRuns,
    )
  })

  it('the residual stream without the head that a tied decoder ties to it', () => {
    fc.assert(
      fc.property(randomBert({ generic: true }), (model) => {
        const residual = axisNamed(model, 'residual')
        const transform = { parameter: 'cls.predictions.transform.dense.weight', axis: 0 }
        const encoder = residual.members.filter(
          ({ parameter, axis }) => !parameter.startsWith('cls.') || (axis === 1 && parameter === transform.parameter),
        )
        const difference = differenceOf(model, encoder, rotation(residual.size))
        if (model.config.tieWordEmbeddings) {
          expect(residual.members).toContainEqual(transform)
          expect(symmetries(model.graph).axisOfTap('mlmHead')!.name).toBe('residual')
          expect(difference).toBeGreaterThan(changed)
        } else {
          expect(residual.members).not.toContainEqual(transform)
          expect(symmetries(model.graph).axisOfTap('mlmHead')!.name).toBe('mlmHead')
          expect(difference).toBeLessThan(kept)
        }
      }),
      genericRuns,
    )
  })

  it('exactly where keepsFunction says so', () => {
    const names = (model: RandomBert) => symmetries(model.graph).axes.map(({ name }) => name)
    const kinds = fc.array(fc.constantFrom('identity', 'inner', 'heads', 'across'), { minLength: 16, maxLength: 16 })
    const verdicts = new Set<boolean>()
    fc.assert(
      fc.property(randomBert({ generic: true }), kinds, (model, kind) => {
        const permutations = new Map<string, Permutation>()
        let parameters = model.parameters
        names(model).forEach((name, i) => {
          const axis = axisNamed(model, name)
          if (kind[i] === 'identity') return
          const p = axis.heads === null || kind[i] === 'across' ? rotation(axis.size) : headedRotation(kind[i]!, axis)
          permutations.set(name, p)
          parameters = permuted(parameters, axis.members, p)
        })
        const verdict = keepsFunction(symmetries(model.graph), permutations)
        const difference = logitDifference(model, model.parameters, parameters)
        verdicts.add(verdict.kept)
        if (verdict.kept) expect(difference).toBeLessThan(kept)
        else expect(difference, verdict.reason).toBeGreaterThan(changed)
      }),
      { seed: 2024, numRuns: 150 },
    )
    expect(verdicts).toEqual(new Set([true, false]))
  })
})

function headedRotation(kind: string, axis: PermutableAxis): Permutation {
  return kind === 'heads' ? headRotation(axis) : innerRotation(axis)
}

describe('the derived axes', () => {
  it('are named after the taps and hold each axis of each parameter once', () => {
    fc.assert(
      fc.property(randomBert({ generic: false }), (model) => {
        const { axes, fixed } = symmetries(model.graph)
        const layers = layersOf(model).flatMap((l) => [`attention.${l}`, `ffn.${l}`, `queryKey.${l}`])
        const head = model.config.tieWordEmbeddings ? [] : ['mlmHead']
        expect(axes.map(({ name }) => name).sort()).toEqual([...layers, ...head, 'residual'].sort())
        const listed = [...fixed, ...axes.flatMap(({ members }) => members)].map((m) => `${m.parameter} ${m.axis}`)
        const all = model.graph.parameters.flatMap(({ name, shape }) => shape.map((_, axis) => `${name} ${axis}`))
        expect(listed.sort()).toEqual(all.sort())
        for (const { name, heads } of axes) {
          const layer = /^(?:attention|queryKey)\.(\d+)$/.exec(name)?.[1]
          const expected =
            layer === undefined ? null : { group: `heads.${layer}`, numHeads: model.config.numAttentionHeads }
          expect(heads).toEqual(expected)
        }
      }),
    )
  })

  it('of an attention whose context is read from outside are fixed in query and key too', () => {
    const graph = graphBuilder('bare attention')
    const pixels = graph.input('pixels', 'float32', ['batch', 'sequence', 4])
    const project = (name: string) =>
      graph.linear(pixels, graph.parameter(`${name}.weight`, [4, 4]), null, `${name}.projection`)
    const [query, key, value] = ['query', 'key', 'value'].map(project) as [string, string, string]
    graph.output('context', graph.attention({ query, key, value, mask: null, numHeads: 2, causal: false }, 'context'))
    expect(symmetries(graph.build()).axes).toEqual([])
  })

  it('without a tap are named after their first member', () => {
    const graph = graphBuilder('perceptron')
    const x = graph.input('x', 'float32', ['batch', 3])
    const hidden = graph.linear(x, graph.parameter('in.weight', [5, 3]), graph.parameter('in.bias', [5]), 'in')
    const out = graph.linear(graph.tanh(hidden, 'tanh'), graph.parameter('out.weight', [2, 5]), null, 'out')
    graph.output('logits', out)
    expect(symmetries(graph.build())).toMatchObject({
      axes: [
        {
          name: 'in.weight[0]',
          size: 5,
          members: [
            { parameter: 'in.weight', axis: 0 },
            { parameter: 'in.bias', axis: 0 },
            { parameter: 'out.weight', axis: 1 },
          ],
          heads: null,
        },
      ],
      fixed: [
        { parameter: 'in.weight', axis: 1 },
        { parameter: 'out.weight', axis: 0 },
      ],
    })
  })

  it('are free along the contracted axis of a product of two tables', () => {
    const graph = graphBuilder('factors')
    const ids = graph.input('ids', 'int32', ['n'])
    const rows = graph.gather(graph.parameter('left', [7, 3]), ids, 'rows')
    const columns = graph.gather(graph.parameter('right', [7, 3]), ids, 'columns')
    graph.output('scores', graph.matmul(rows, columns, { right: true }, 'scores'))
    const derived = symmetries(graph.build())
    expect(derived.axes.map(({ members }) => members)).toEqual([
      [
        { parameter: 'left', axis: 1 },
        { parameter: 'right', axis: 1 },
      ],
    ])
  })

  it('of two attentions in one layer have each their own order of heads', () => {
    const graph = graphBuilder('two attentions')
    const ids = graph.input('ids', 'int32', ['batch', 'sequence'])
    const x = graph.gather(graph.parameter('table', [7, 4]), ids, 'x')
    for (const kind of ['self', 'cross']) {
      const project = (name: string) =>
        graph.linear(x, graph.parameter(`${kind}.${name}.weight`, [4, 4]), null, `${kind}.${name}`)
      const [query, key, value] = ['query', 'key', 'value'].map(project) as [string, string, string]
      const context = graph.attention({ query, key, value, mask: null, numHeads: 2, causal: false }, kind)
      graph.tap(`${kind}.attention.0`, 'attention', 0, context)
    }
    const groups = symmetries(graph.build()).axes.flatMap(({ name, heads }) => (heads ? [[name, heads.group]] : []))
    expect(groups).toEqual([
      ['self.attention.0', 'heads.0'],
      ['cross.attention.0', 'heads.cross.attention.0'],
      ['self.query.weight[0]', 'heads.0'],
      ['cross.query.weight[0]', 'heads.cross.attention.0'],
    ])
  })

  it('cannot be derived where attentions of different numbers of heads share features', () => {
    const graph = graphBuilder('mixed heads')
    const ids = graph.input('ids', 'int32', ['batch', 'sequence'])
    const x = graph.gather(graph.parameter('table', [7, 4]), ids, 'x')
    const once = graph.attention({ query: x, key: x, value: x, mask: null, numHeads: 2, causal: false }, 'two')
    graph.attention({ query: once, key: once, value: once, mask: null, numHeads: 4, causal: false }, 'four')
    expect(() => symmetries(graph.build())).toThrow('attentions of 2 and of 4 heads share the axis table[1]')
  })

  it('of an unknown tap are an error that lists the taps', () => {
    const graph = graphBuilder('bare')
    const ids = graph.input('ids', 'int32', ['n'])
    graph.tap('ffn.0', 'ffn', 0, graph.gather(graph.parameter('table', [7, 4]), ids, 'rows'))
    expect(() => symmetries(graph.build()).axisOfTap('ffn.1')).toThrow("bare has no tap 'ffn.1'; it has ffn.0")
  })
})

describe('drawSymmetry', () => {
  it('is a function of its seed, and draws from the whole group', () => {
    const [model] = fc.sample(randomBert({ generic: true }), { seed: 7, numRuns: 1 })
    const derived = symmetries(model!.graph)
    expect(drawSymmetry(derived, 3)).toEqual(drawSymmetry(derived, 3))
    const draws = Array.from({ length: 200 }, (_, seed) => drawSymmetry(derived, seed))
    for (const draw of draws) expect(keepsFunction(derived, draw)).toEqual({ kept: true })
    for (const { name, size } of derived.axes) {
      for (let i = 0; i < size; i++) {
        const images = new Set(draws.map((draw) => draw.get(name)![i]!))
        expect(images.size, `${name} ${i}`).toBe(size)
      }
    }
  })
})
