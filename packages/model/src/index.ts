export type { Dimension, Graph, GraphInput, Node, Parameter, Tap, ValueId } from './graph.ts'
