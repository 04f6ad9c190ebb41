export type { CompileOptions, Engine, EngineIdentity, Feeds, Program, Weights } from './engine.ts'
