import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isthmus, runSmall, temporaryFolder, workspace } from './run-isthmus.ts'

let home: string
let models: string
let set: string[]

beforeAll(() => {
  home = temporaryFolder()
  models = join(home, 'models')
  const text = readFileSync(join(workspace, 'datasets/wiki/wiki.valid.raw'), 'utf8').slice(0, 20_000)
  writeFileSync(join(home, 'text.raw'), text)
  const block = '"blockLength":16,"randomPosition":true'
  set = [
    ...['seeds=1,2', 'steps=4', 'recordEvery=2', 'tokensPerStep=32', 'executionProvider=javascript'],
    ...[
      'numHiddenLayers=1',
      'hiddenSize=8',
      'numAttentionHeads=2',
      'intermediateSize=8',
      'maxPositionEmbeddings=128',
    ].map((setting) => `architecture.${setting}`),
    ...['books=null', `wikitext=${join(home, 'text.raw')}`, `folder=${models}`],
    ...['validation.blockSize=16', 'validation.blocks=2'],
    `phases=[{"until":2,"objective":"nextToken",${block}},{"until":1,"objective":"maskedLanguageModel",${block}}]`,
  ].flatMap((setting) => ['--set', setting])
})

afterAll(() => rmSync(home, { recursive: true }))

describe('a family', () => {
  it('is trained, written as Hugging Face folders, and shown', async () => {
    const { code, stderr, stdout } = await isthmus(home, 'run', 'family', ...set)
    expect(stderr).toMatch(/^family: Four small BERTs .*\n[\s\S]*4 steps: 4 computed, 0 from the cache; /)
    expect(code).toBe(0)
    expect(stdout).toMatch(/│ seed │ steps │ training loss │ validation loss │ seconds │/)
    expect(stdout).toMatch(/│ {4}2 │ {5}4 │ +8\.\d{4} │ +8\.\d{4} │ +\d+ │/)
    expect(readdirSync(models)).toEqual(['seed-1', 'seed-2'])
    expect(readdirSync(join(models, 'seed-1')).sort()).toEqual([
      ...['README.md', 'config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json', 'training.json'],
      'vocab.txt',
    ])
    const training = JSON.parse(readFileSync(join(models, 'seed-2/training.json'), 'utf8'))
    expect(training).toMatchObject({
      ...{ study: 'family', seed: 2, steps: 4, tokens: 4 * 32 },
      engine: { name: 'tfjs', executionProvider: 'javascript' },
      sources: { tokenizer: { path: 'datasets/models/seed-1' } },
    })
    expect(readFileSync(join(models, 'seed-2/README.md'), 'utf8')).toContain('| 2 | 4 | 128 | 8.')
  })

  it('comes from the cache again, as one JSON document', async () => {
    const { stdout } = await isthmus(home, 'run', 'family', '--json', ...set)
    const { study, counts, models: shown } = JSON.parse(stdout)
    expect({ study, counts }).toMatchObject({ study: 'family', counts: { total: 4, ran: 0, cached: 4 } })
    expect(shown).toMatchObject([
      { folder: join(models, 'seed-1'), seed: 1, steps: 4, tokens: 128 },
      { folder: join(models, 'seed-2'), seed: 2, steps: 4, tokens: 128 },
    ])
  })

  it('is planned', async () => {
    const { stdout } = await isthmus(home, 'plan', 'family', ...set)
    expect(stdout).toMatch(/│ training.pretrain +│ +2 │ +2 │ +0 │/)
    const longer = await isthmus(home, 'plan', 'family', ...set, '--set', 'steps=5', '--explain')
    expect(longer.stdout).toMatch(/\ntrain seed-1: .*steps/)
  })

  it('has its curves in the results, drawn and reported', async () => {
    const query =
      'select model, step, loss > 8 as high, validation_loss is null as open from training_curve order by 1, 2'
    const { stdout } = await isthmus(home, 'sql', query, '--format', 'csv')
    expect(stdout).toBe(
      'model,step,high,open\nseed-1,2,true,true\nseed-1,4,true,false\nseed-2,2,true,true\nseed-2,4,true,false\n',
    )
    const figure = join(home, 'curves.svg')
    expect((await isthmus(home, 'plot', 'training-curves', '--out', figure)).code).toBe(0)
    expect(readFileSync(figure, 'utf8')).toContain('seed-2')
    const report = join(home, 'report')
    await isthmus(home, 'report', 'family', '--out', report)
    const page = readFileSync(join(report, 'index.html'), 'utf8')
    expect(page).toContain('<h3>Models</h3>')
    expect(page).not.toContain('<h3>Leaderboard</h3>')
  })

  it('is what studies compare', async () => {
    const { code, stdout } = await runSmall(home, `family=${models}`, 'evaluation.blockSize=16')
    expect(code).toBe(0)
    expect(stdout).toMatch(/│ vanilla /)
    const query = "select count(*) as n from model join curve_point on name = model_a where name = 'seed-1'"
    const counted = await isthmus(home, 'sql', query, '--format', 'json')
    // One row of the model, whether it was trained or read: three points of two methods.
    expect(JSON.parse(counted.stdout)).toEqual([{ n: 6 }])
  })

  it.each([
    ['plot', ['plot', 'barriers', '--study', 'family', '--out', 'x.svg'], 'trained models and compares none'],
    ['leaderboard', ['leaderboard', '--study', 'family'], "study 'family' compares no models"],
  ])('has a sentence for %s, which wants curves', async (_, words, sentence) => {
    const { code, stderr } = await isthmus(home, ...words)
    expect(code).toBe(2)
    expect(stderr).toContain(sentence)
  })

  it('does not replace what it did not write', async () => {
    const folder = join(home, 'mine')
    mkdirSync(join(folder, 'seed-2'), { recursive: true })
    writeFileSync(join(folder, 'seed-2/training.json'), '{ "seed": 2 }')
    const { code, stderr } = await isthmus(home, 'run', 'family', ...set, '--set', `folder=${folder}`)
    expect(stderr).toMatch(
      /seed-2 holds files that no family wrote here, and they are not replaced: choose another folder/,
    )
    expect(code).toBe(2)
    expect(readdirSync(folder)).toEqual(['seed-2'])
  })
})
