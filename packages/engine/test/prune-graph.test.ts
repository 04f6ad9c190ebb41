import { bert, type Graph, interpret } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parametersRead, pruneGraph, valuesRead } from '../src/index.ts'
import { drawWeights } from './contract/draw-feeds.ts'
import { drawBertFeeds, smallBert } from './contract/random-bert.ts'

const graph = bert(smallBert)
const names = [...Object.keys(graph.outputs), ...graph.taps.map((tap) => tap.name)]

/** Each node of the graph is needed: taking it out leaves something to read what is not there. */
function readsOf({ nodes }: Graph): Set<string> {
  return new Set(nodes.flatMap((node) => [...valuesRead(node), ...parametersRead(node)]))
}

describe('pruneGraph', () => {
  it('keeps what the outputs need, in order, and nothing else', () => {
    const property = fc.property(fc.subarray(names, { minLength: 1 }), (asked) => {
      const { graph: pruned, values } = pruneGraph(graph, asked)
      expect([...values.keys()]).toEqual(asked)
      const reads = readsOf(pruned)
      const wanted = new Set(values.values())
      for (const { output } of pruned.nodes) expect(reads.has(output) || wanted.has(output), output).toBe(true)
      for (const { name } of [...pruned.inputs, ...pruned.parameters]) expect(reads.has(name), name).toBe(true)
      const known = new Set([...pruned.inputs, ...pruned.parameters].map(({ name }) => name))
      for (const node of pruned.nodes) {
        for (const read of [...valuesRead(node), ...parametersRead(node)]) expect(known.has(read), read).toBe(true)
        known.add(node.output)
      }
      expect(pruned.nodes).toEqual(graph.nodes.filter((node) => pruned.nodes.includes(node)))
    })
    expect(() => fc.assert(property)).not.toThrow()
  })

  it('leaves what it keeps computing the same', () => {
    const weights = [...drawWeights(graph, 1)].map(
      ([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }] as const,
    )
    const feeds = drawBertFeeds(graph, smallBert, { batch: 2, sequence: 3 }, 2)
    for (const name of names) {
      const { graph: pruned } = pruneGraph(graph, [name])
      const needed = new Map(weights.filter(([weight]) => pruned.parameters.some((kept) => kept.name === weight)))
      const fed = Object.fromEntries(pruned.inputs.map((input) => [input.name, feeds[input.name]!]))
      expect(interpret(pruned, needed, fed, [name])).toEqual(interpret(graph, new Map(weights), feeds, [name]))
    }
  })

  it('leaves out the head, and the labels, where they are not asked for', () => {
    const inputs = (...asked: string[]) => pruneGraph(graph, asked).graph.inputs.map(({ name }) => name)
    expect(inputs('residual.embeddings')).toEqual(['inputIds', 'tokenTypeIds'])
    expect(inputs('hidden')).toEqual(['inputIds', 'tokenTypeIds', 'attentionMask'])
    expect(inputs('logits')).toEqual(['inputIds', 'tokenTypeIds', 'attentionMask', 'selectedPositions'])
    expect(inputs('hidden', 'negativeLogLikelihood')).toEqual(graph.inputs.map(({ name }) => name))
  })

  it('says what there is, for a name that is neither output nor tap', () => {
    expect(() => pruneGraph(graph, ['hidden', 'pooler'])).toThrow(
      new UserError(`bert has no output or tap 'pooler'; it has ${names.join(', ')}`),
    )
  })
})
