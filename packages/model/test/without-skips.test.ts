import { describe, expect, it } from 'vitest'
import { bert, gpt2, randomParameters, symmetries, withoutSkips } from '../src/index.ts'

const config = {
  hiddenSize: 6,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 5,
  vocabSize: 7,
  maxPositionEmbeddings: 4,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu',
  tieWordEmbeddings: true,
} as const

describe('withoutSkips', () => {
  const graph = bert(config, { padding: false })
  const separate = withoutSkips(graph)

  it('frees every residual tap from the others, and leaves all other axes as they were', () => {
    const residual = graph.taps.filter(({ site }) => site === 'residual').map(({ name }) => name)
    const axes = residual.map((tap) => symmetries(separate).axisOfTap(tap)!)
    expect(new Set(axes.map(({ name }) => name)).size).toBe(residual.length)
    expect(new Set(residual.map((tap) => symmetries(graph).axisOfTap(tap)!.name)).size).toBe(1)
    const others = (of: typeof graph) =>
      symmetries(of)
        .axes.filter(({ name }) => !name.startsWith('residual'))
        .map(({ name, members }) => ({ name, members }))
    expect(others(separate)).toEqual(others(graph))
  })

  it('splits the residual axis: its members are those of the separate axes together', () => {
    const members = (of: typeof graph) =>
      symmetries(of)
        .axes.filter(({ name }) => name.startsWith('residual'))
        .flatMap(({ members }) => members.map(({ parameter, axis }) => `${parameter}[${axis}]`))
        .sort()
    expect(members(separate)).toEqual(members(graph))
  })

  it('takes out one addition for each attention and each feed-forward layer, and no parameter', () => {
    expect(graph.nodes.length - separate.nodes.length).toBe(2 * config.numHiddenLayers)
    expect([...randomParameters(separate, 1).keys()]).toEqual([...randomParameters(graph, 1).keys()])
  })

  it('reads the stream of a model whose norms stand before its layers at the layers’ outputs', () => {
    const open = withoutSkips(gpt2(config, { padding: false }))
    expect(open.nodes.filter(({ op }) => op === 'add').map(({ output }) => output)).toEqual(['residual.embeddings'])
    const readAt = (tap: string) => open.taps.find(({ name }) => name === tap)!.value
    expect(readAt('residual.0.attention')).toBe('transformer.h.0.attn.c_proj')
    expect(readAt('residual.1.output')).toBe('transformer.h.1.mlp.c_proj')
    const norm = open.nodes.find(({ output }) => output === 'transformer.h.1.ln_1')
    expect(norm).toMatchObject({ input: 'transformer.h.0.mlp.c_proj' })
    const separate = ['residual.embeddings', 'residual.0.attention', 'residual.0.output', 'residual.1.attention']
    const axes = separate.map((tap) => symmetries(open).axisOfTap(tap)!.name)
    expect(new Set(axes).size).toBe(separate.length)
    expect(Object.keys(open.shapes)).not.toContain('residual.0.attention')
  })
})
