import { UserError } from '@isthmus/tensor'
import { expect, it } from 'vitest'
import { selectFeeds } from '../src/index.ts'

const inputIds = { shape: [1, 2], data: Int32Array.of(4, 5) }
const tokenTypeIds = { shape: [1, 2], data: Int32Array.of(0, 0) }

it('feeds what a program reads, and no more', () => {
  expect(selectFeeds({ inputs: ['inputIds'] }, { inputIds, tokenTypeIds })).toEqual({ inputIds })
  expect(selectFeeds({ inputs: [] }, { inputIds })).toEqual({})
})

it('names the input that a batch lacks', () => {
  expect(() => selectFeeds({ inputs: ['inputIds', 'pixelValues'] }, { inputIds, tokenTypeIds })).toThrow(
    new UserError(
      "the model reads 'pixelValues', but the data holds inputIds, tokenTypeIds; " +
        'give it data of the kind that it was trained on',
    ),
  )
})
