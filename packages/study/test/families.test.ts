import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openTokenizer } from '@isthmus/corpus'
import { type Cache, inProcessExecutor, openCache } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { familyMember } from '../src/families.ts'
import {
  computeNow,
  expandStudy,
  families,
  isFamilyPath,
  openModels,
  planStudy,
  type StudyContext,
  studyOperations,
} from '../src/index.ts'

const workspace = resolve(import.meta.dirname, '../../..')
let directory: string
let cache: Cache

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-families-'))
  cache = await openCache(join(directory, 'cache'))
})

afterAll(() => {
  cache.close()
  rmSync(directory, { recursive: true })
})

describe('familyMember', () => {
  it.each([
    ['datasets/models', 'seed-7', { kind: 'folder', path: 'datasets/models/seed-7' }],
    ['runs/bert-{seed}', 'bert-7', { kind: 'folder', path: 'runs/bert-7' }],
    ['runs/{seed}/final', '7-final', { kind: 'folder', path: 'runs/7/final' }],
    ['multiberts', 'multiberts-seed_7', { kind: 'hub', reference: 'hf:google/multiberts-seed_7' }],
    ['hf:me/bert-{seed}@v1', 'bert-7', { kind: 'hub', reference: 'hf:me/bert-7@v1' }],
    ['hf:me/bert@seed-{seed}', 'bert@seed-7', { kind: 'hub', reference: 'hf:me/bert@seed-7' }],
  ])('finds seed 7 of %s', (family, name, place) => {
    expect(familyMember(family, 7)).toEqual({ name, place })
  })

  it('gives different names and places to different seeds', () => {
    const family = fc.constantFrom(
      'multiberts',
      'a/b',
      'runs/{seed}/x',
      'a/b-{seed}',
      'hf:o/m@s{seed}',
      'hf:o-{seed}/m',
    )
    const seed = fc.integer({ min: 0, max: 24 })
    fc.assert(
      fc.property(family, seed, seed, (of, a, b) => {
        const [one, other] = [familyMember(of, a), familyMember(of, b)]
        expect(one.name === other.name).toBe(a === b)
        expect(JSON.stringify(one.place) === JSON.stringify(other.place)).toBe(a === b)
      }),
    )
  })

  it('says which seeds there are, and where the seed goes', () => {
    expect(() => familyMember('multiberts', 25)).toThrow(
      new UserError('the family multiberts has the seeds 0 to 24, and seeds names 25; choose seeds among these'),
    )
    expect(() => familyMember('hf:google/multiberts-seed_1@main', 1)).toThrow(
      new UserError(
        'family is hf:google/multiberts-seed_1@main, one model of the hub; put {seed} where the seed stands, such as ' +
          'hf:google/multiberts-seed_{seed}@main',
      ),
    )
  })

  it('tells paths from what is found elsewhere', () => {
    expect(['datasets/models', './multiberts', 'runs/{seed}'].map(isFamilyPath)).toEqual([true, true, true])
    expect(['hf:a/b-{seed}', ...families.map(({ name }) => name)].some(isFamilyPath)).toBe(false)
  })
})

describe('planStudy', () => {
  const study = (settings: object) =>
    expandStudy({ name: 'test', title: 'Test', methods: ['vanilla'], ...settings }, 'study.ts')

  const context = (pull?: StudyContext['pull']): StudyContext => ({
    cache,
    resolvePath: (path) => resolve(workspace, path),
    compute: computeNow({ cache, executor: inProcessExecutor(studyOperations, cache) }),
    ...(pull === undefined ? {} : { pull }),
  })

  it('opens members that were pulled under the names of their repositories, pinned to a commit', async () => {
    const asked: string[] = []
    const pull = async (reference: string) => {
      asked.push(reference)
      const commit = 'c0ffee'.padEnd(40, '0')
      const directory = join(workspace, 'datasets/models', `seed-${reference.at(-1)}`)
      return { directory, commit, reference: `${reference}@${commit}` }
    }
    const hub = await planStudy(study({ family: 'multiberts', seeds: [1, 2] }), context(pull))
    expect(asked).toEqual(['hf:google/multiberts-seed_1', 'hf:google/multiberts-seed_2'])
    expect(hub.models.map(({ name, source }) => ({ name, source }))).toEqual(
      [1, 2].map((seed) => ({
        name: `multiberts-seed_${seed}`,
        source: `hf:google/multiberts-seed_${seed}@${'c0ffee'.padEnd(40, '0')}`,
      })),
    )
    const local = await planStudy(study({ family: 'datasets/models/seed-{seed}', seeds: [1, 2] }), context())
    expect(local.models.map(({ name, source }) => [name, source])).toEqual([
      ['seed-1', null],
      ['seed-2', null],
    ])
    // What is computed depends on the content of the models, not on where they are.
    expect(hub.targets.map(({ identity }) => identity)).toEqual(local.targets.map(({ identity }) => identity))
  })

  it('lets the sentence of a pull that fails through', async () => {
    const pull = () => Promise.reject(new UserError('the hub has no model; check its name'))
    await expect(planStudy(study({ family: 'hf:a/b-{seed}', seeds: [1, 2] }), context(pull))).rejects.toThrow(
      new UserError('the hub has no model; check its name'),
    )
  })
})

describe('openModels', () => {
  it('opens a folder as MultiBERTs are published: pytorch_model.bin and vocab.txt, without tokenizer.json', async () => {
    const folder = join(directory, 'published')
    cpSync(join(workspace, 'packages/checkpoint/test/fixtures/bert-mlm-bin'), folder, { recursive: true })
    const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...'abcdefghijklmnopqrstuvwxyz']
    const filler = Array.from({ length: 101 - words.length }, (_, i) => `##${i}`)
    writeFileSync(join(folder, 'vocab.txt'), [...words, ...filler, ''].join('\n'))
    writeFileSync(join(folder, 'tokenizer_config.json'), '{"do_lower_case": true}')
    const [model] = await openModels(cache, [folder])
    expect(model).toMatchObject({ name: 'published', source: null, dtype: 'F32', maxPositions: 24 })
    expect(Object.keys(model!.tokenizer.files).sort()).toEqual(['tokenizer_config.json', 'vocab.txt'])
    const tokenizer = await openTokenizer(folder)
    expect(tokenizer.vocabSize).toBe(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).vocab_size)
    expect(tokenizer.encode('A b')).toEqual([5, 6])
  })
})
