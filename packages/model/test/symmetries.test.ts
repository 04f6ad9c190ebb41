import { type Permutation, permutation } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawSymmetry, interpret, keepsFunction, type PermutableAxis, symmetries } from '../src/index.ts'
import {
  isKeyBias,
  kinds,
  logitDifference,
  makes,
  maskedLanguageModels,
  permuted,
  type RandomModel,
  randomModel,
} from './random-model.ts'

/** In f64, on logits of some tens: a sum that is only reordered moves by some 1e-14. */
const kept = 1e-10
/** Generic weights move logits by tenths or more; this is far above rounding and far below that. */
const changed = 1e-6
/** Almost all weights are generic, but not all, so these cases are drawn from a fixed seed. */
const genericRuns = { seed: 2024, numRuns: 12 }

const layersOf = ({ config }: RandomModel) => [...Array(config.numHiddenLayers).keys()]

function axisNamed({ graph }: RandomModel, name: string): PermutableAxis {
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

function differenceOf(model: RandomModel, members: PermutableAxis['members'], p: Permutation): number {
  return logitDifference(model, model.parameters, permuted(model.parameters, members, p))
}

describe.each(kinds)('of a %s,', (kind) => {
  const generic = randomModel(kind, { generic: true })
  const anyModel = randomModel(kind, { generic: false })

  describe('a permutation drawn from the derived symmetries', () => {
    it('leaves the logits unchanged', () => {
      fc.assert(
        fc.property(anyModel, fc.integer(), (model, seed) => {
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
        fc.property(generic, (model) => {
          for (const axis of symmetries(model.graph).axes) {
            expect(differenceOf(model, axis.members, ownRotation(axis)), axis.name).toBeLessThan(kept)
          }
        }),
        genericRuns,
      )
    })

    it('of the residual stream permutes `hidden` and the features at its taps', () => {
      fc.assert(
        fc.property(anyModel, fc.integer(), ({ graph, parameters, inputs }, seed) => {
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
        fc.property(generic, (model) => {
          for (const axis of symmetries(model.graph).axes) {
            for (const member of axis.members) {
              if (isKeyBias(model.graph, member)) continue
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
        fc.property(generic, (model) => {
          for (const axis of symmetries(model.graph).axes) {
            for (const left of axis.members) {
              if (isKeyBias(model.graph, left)) continue
              const others = axis.members.filter((member) => member !== left)
              const difference = differenceOf(model, others, ownRotation(axis))
              expect(difference, `${left.parameter} ${left.axis}`).toBeGreaterThan(changed)
            }
          }
        }),
        { ...genericRuns, numRuns: 5 },
      )
    })

    it('a fixed axis', () => {
      fc.assert(
        fc.property(generic, (model) => {
          const { fixed } = symmetries(model.graph)
          const logits = model.graph.nodes.find(({ output }) => output === 'logits')
          expect(fixed).toContainEqual({ parameter: logits?.op === 'linear' && logits.weight, axis: 0 })
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
        fc.property(generic, (model) => {
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
        fc.property(generic, (model) => {
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
        fc.property(generic, (model) => {
          for (const layer of layersOf(model)) {
            const axis = axisNamed(model, `queryKey.${layer}`)
            const query = axis.members.filter((member) => makes(model.graph, 'query', member))
            expect(query).toHaveLength(axis.members.length / 2)
            expect(differenceOf(model, query, innerRotation(axis))).toBeGreaterThan(changed)
          }
        }),
        genericRuns,
      )
    })

    it('exactly where keepsFunction says so', () => {
      const names = (model: RandomModel) => symmetries(model.graph).axes.map(({ name }) => name)
      const kinds = fc.array(fc.constantFrom('identity', 'inner', 'heads', 'across'), { minLength: 16, maxLength: 16 })
      const verdicts = new Set<boolean>()
      fc.assert(
        fc.property(generic, kinds, (model, kind) => {
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
        { seed: 2024, numRuns: 60 },
      )
      expect(verdicts).toEqual(new Set([true, false]))
    })
  })

  it('the derived axes are named after the taps and hold each feature of each parameter once', () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        const { axes, fixed } = symmetries(model.graph)
        const layers = layersOf(model).flatMap((l) => [`attention.${l}`, `ffn.${l}`, `queryKey.${l}`])
        expect(axes.map(({ name }) => name).sort()).toEqual([...layers, ...headAxes(model), 'residual'].sort())
        const shapeOf = (parameter: string) => model.graph.parameters.find(({ name }) => name === parameter)!.shape
        const listed = [...fixed, ...axes.flatMap(({ members }) => members)].flatMap(({ parameter, axis, segment }) => {
          const { offset, size } = segment ?? { offset: 0, size: shapeOf(parameter)[axis]! }
          return Array.from({ length: size }, (_, i) => `${parameter} ${axis} ${offset + i}`)
        })
        const all = model.graph.parameters.flatMap(({ name, shape }) =>
          shape.flatMap((size, axis) => Array.from({ length: size }, (_, i) => `${name} ${axis} ${i}`)),
        )
        expect(listed.sort()).toEqual(all.sort())
        for (const { name, heads } of axes) {
          const layer = /^(?:attention|queryKey)\.(\d+)$/.exec(name)?.[1]
          const expected =
            layer === undefined ? null : { group: `heads.${layer}`, numHeads: model.config.numAttentionHeads }
          expect(heads).toEqual(expected)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('the shapes of all values are what the interpreter computes', () => {
    fc.assert(
      fc.property(anyModel, ({ graph, parameters, inputs }) => {
        const names = [...Object.keys(graph.outputs), ...graph.taps.map(({ name }) => name)]
        const [tokens] = [inputs.inputIds ?? inputs.pixelValues!]
        const sizes: Record<string, number | undefined> = {
          batch: tokens.shape[0],
          sequence: tokens.shape[1],
          selected: inputs.selectedPositions?.shape[0],
        }
        const results = interpret(graph, parameters, inputs, names)
        for (const name of names) {
          const value = graph.outputs[name] ?? graph.taps.find((tap) => tap.name === name)!.value
          const shape = graph.shapes[value]!.map((size) => (typeof size === 'number' ? size : sizes[size]))
          expect(shape, name).toEqual(results[name]!.shape)
        }
      }),
      { numRuns: 10 },
    )
  })
})

describe.each(Object.entries(maskedLanguageModels) as [keyof typeof maskedLanguageModels, string][])(
  'the head of a %s',
  (kind, prefix) => {
    it('is tied to the residual stream by a tied decoder, and free of it otherwise', () => {
      fc.assert(
        fc.property(randomModel(kind, { generic: true }), (model) => {
          const residual = axisNamed(model, 'residual')
          const isHead = (parameter: string) => parameter.startsWith(prefix)
          const encoder = residual.members.filter(({ parameter, axis }) => !isHead(parameter) || axis === 1)
          const head = residual.members.filter((member) => !encoder.includes(member))
          const difference = differenceOf(model, encoder, rotation(residual.size))
          const { name } = symmetries(model.graph).axisOfTap('mlmHead')!
          if (model.config.tieWordEmbeddings) {
            // The transform's weight and bias, and its norm's.
            expect([name, head.length]).toEqual(['residual', 4])
            expect(difference).toBeGreaterThan(changed)
          } else {
            expect([name, head.length]).toEqual(['mlmHead', 0])
            expect(difference).toBeLessThan(kept)
          }
        }),
        genericRuns,
      )
    })
  },
)

/** The axes of the heads that are no part of the residual stream. */
function headAxes({ kind, config }: RandomModel): string[] {
  if (kind.endsWith('classifier')) return ['pooler']
  return Object.hasOwn(maskedLanguageModels, kind) && !config.tieWordEmbeddings ? ['mlmHead'] : []
}

function headedRotation(kind: string, axis: PermutableAxis): Permutation {
  return kind === 'heads' ? headRotation(axis) : innerRotation(axis)
}
