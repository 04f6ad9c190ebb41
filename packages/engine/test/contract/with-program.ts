import type { Graph } from '@isthmus/model'
import type { Engine, Program } from '../../src/engine.ts'

/** Compile a program, use it, and dispose of it. */
export async function withProgram(
  engine: Engine,
  compiled: Graph,
  names: readonly string[],
  use: (program: Program) => Promise<void>,
): Promise<void> {
  const program = await engine.compile(compiled, { outputs: names })
  try {
    await use(program)
  } finally {
    await program.dispose()
  }
}
