import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSafetensors } from '@isthmus/checkpoint'
import { IGNORED_LABEL, openTokenizer, readWikiRows, releasedCodeBlocks } from '@isthmus/corpus'
import { expect, it } from 'vitest'
import { fixtures } from '../src/shipped-files.ts'

const datasets = fileURLToPath(new URL('../../../datasets', import.meta.url))

/** How many lines of the shipped text the released code was run on. */
const evaluationRows = 363

/** Undo `' '.join`, as the change to the released code did for this run: the characters between the spaces. */
const joined = (spaced: string) =>
  Array.from(spaced)
    .filter((_, i) => i % 2 === 0)
    .join('')

it('cuts the blocks that the released code cut, by process, batch and row, but for the spaces that were left out', async () => {
  const tokenizer = await openTokenizer(join(datasets, 'models/seed-1'))
  const rows = (await readWikiRows(join(datasets, 'wiki/wiki.valid.raw'))).slice(0, evaluationRows)
  const words = { ...tokenizer, encode: (spaced: string) => tokenizer.encode(joined(spaced)) }
  const blocks = releasedCodeBlocks(rows, words, { name: 'wiki.valid.raw' })

  await using file = await openSafetensors(join(fixtures, 'eval-batches.safetensors'))
  const [inputIds, labels] = [await file.readInt32('input_ids'), await file.readInt32('labels')]
  const unmasked = labels.data.map((label, i) => (label === IGNORED_LABEL ? inputIds.data[i]! : label))
  expect(blocks).toEqual({ shape: inputIds.shape, data: unmasked })

  const special = [...labels.data].filter((label) => tokenizer.specialIds.has(label))
  expect(special).toEqual([])
})
