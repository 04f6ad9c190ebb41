import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { readTimedRun } from '../src/compare-study.ts'
import { assertAuthors, runSide, withFolder } from '../src/run-side.ts'

/** Something that stands for the authors' checkout, and for a Python that runs what is given. */
async function standIns(folder: string, script: string) {
  for (const module of [
    'model_merger.py',
    'matching_functions.py',
    'evaluation/graphing_mlm.py',
    'my_datasets/books.py',
  ]) {
    await mkdir(dirname(join(folder, module)), { recursive: true })
    await writeFile(join(folder, module), '')
  }
  const python = join(folder, 'python.mjs')
  await writeFile(python, `#!${process.execPath}\n${script}`, { mode: 0o755 })
  return { checkout: folder, python }
}

const task = { models: ['a', 'b'] as const, method: 'vanilla', work: 'work', lambdas: [0, 1], threads: 2 }

it('says what the checkout lacks, that Python does not start, and which packages it lacks', async () => {
  await withFolder(async (folder) => {
    const authors = await standIns(folder, 'console.log("torchnlp scipy")')
    await expect(assertAuthors({ ...authors, checkout: join(folder, 'none') })).rejects.toThrow(
      /--authors .*none has no model_merger\.py: give a checkout/,
    )
    await expect(assertAuthors({ ...authors, python: join(folder, 'none') })).rejects.toThrow(
      /--python .*none does not start .*ENOENT.*: give the path/,
    )
    await expect(assertAuthors(authors)).rejects.toThrow(
      /lacks torchnlp, scipy, .*python\.mjs -m pip install pytorch-nlp scipy$/,
    )
    await assertAuthors(await standIns(folder, ''))
  })
})

it('gives the authors’ side its request and reads its result', async () => {
  await withFolder(async (folder) => {
    const authors = await standIns(
      folder,
      `import { readFileSync, writeFileSync } from 'node:fs'
       const { result, threads, method, checkout } = JSON.parse(readFileSync(process.argv[3], 'utf8'))
       const phases = { evaluation: { processor: threads, wall: 1 } }
       writeFileSync(result, JSON.stringify({ phases, losses: [1, 2], versions: { method, checkout } }))`,
    )
    const { result } = await runSide('theirs', authors, task, folder)
    expect(result).toEqual({
      phases: { evaluation: { processor: 2, wall: 1 } },
      losses: [1, 2],
      versions: { method: 'vanilla', checkout: folder },
    })
  })
})

it('shows the error of a side that fails, not its stack', async () => {
  await withFolder(async (folder) => {
    const authors = await standIns(folder, 'throw new RangeError("no such λ")')
    await expect(runSide('theirs', authors, task, folder)).rejects.toThrow(
      'the authors’ side failed: it ended with exit code 1: RangeError: no such λ',
    )
  })
})

it('reads the methods, pairs and seconds of a study that was timed', () => {
  const leaderboard = [
    { method: 'ffn', pairs: 6, barrier: 4 },
    { method: 'vanilla', pairs: '6', barrier: 5 },
  ]
  const written = `${JSON.stringify({ seconds: 4, leaderboard }, null, 2)}\n{"processor": 7.5, "wall": 4.25}\n`
  expect(readTimedRun(written)).toEqual({
    methods: ['ffn', 'vanilla'],
    pairs: 6,
    spent: { processor: 7.5, wall: 4.25 },
  })
})
