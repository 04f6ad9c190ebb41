import type { Component, WeightMatcher } from './alignment-method.ts'
import { transportWeights } from './optimal-transport.ts'
import { matchWeights } from './weight-matching.ts'

const components: Readonly<Record<Component, string>> = {
  ffn: 'feed-forward layers',
  attention: 'attention heads and the features inside them',
  residual: 'residual stream, and a head of its own features,',
}

/** Each component matched by its weights, together with the others that a method matches so. */
export const weightMatchers = Object.entries(components).map(
  ([component, what]): WeightMatcher => ({
    id: `${component}/weights`,
    component: component as Component,
    summary: `${what} matched by weights, by coordinate descent`,
    reference: 'Ainsworth, Hayase & Srinivasa (2023), Git Re-Basin, §3.2, Algorithm 1',
    symmetry: 'kept',
    options: component === 'residual' ? ['decoder'] : [],
    solver: matchWeights,
  }),
)

/** Each component transported by the weights that write it, after what comes before it in the graph. */
export const transportMatchers = Object.entries(components).map(
  ([component, what]): WeightMatcher => ({
    id: `${component}/transport`,
    component: component as Component,
    summary: `${what} transported by the weights that write them`,
    reference: 'Singh & Jaggi (2020), Model fusion via optimal transport; Imfeld et al. (2024), Transformer fusion',
    symmetry: 'kept',
    options: component === 'residual' ? ['solver', 'decoder'] : ['solver'],
    solver: transportWeights,
  }),
)
