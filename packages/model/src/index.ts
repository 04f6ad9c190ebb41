export { type BertConfig, type BertOptions, bert, bertConfig } from './architectures/bert.ts'
export { type Architecture, type ArchitectureOptions, architectures, graphOf } from './architectures.ts'
export type { Dimension, Graph, GraphInput, Node, Parameter, Tap, ValueId } from './graph.ts'
export { type AttentionOperands, type GraphBuilder, graphBuilder } from './graph-builder.ts'
