import { describe, expect, it } from 'vitest'
import { bert, randomParameters, symmetries, withoutSkips } from '../src/index.ts'

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
})
