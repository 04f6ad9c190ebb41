import { defineStudy, expandStudy, overrideSettings, sweep } from '@isthmus/study'
import { describe, expect, it } from 'vitest'
import { type StudyFile, studyCommand } from '../src/study-command.ts'

const definition = defineStudy({
  name: 'text',
  title: 'Does more text help?',
  seeds: [1, 2, 3],
  alignment: { fraction: sweep([0.1, 1]) },
})

const settingsOf = (assignments: readonly string[]) =>
  expandStudy(overrideSettings(definition, assignments), 'text').variants.map(({ settings }) => settings)
const file: StudyFile = { title: definition.title, figures: undefined, settings: settingsOf([]) }

describe('studyCommand', () => {
  it.each([
    [[], 'npx isthmus run text'],
    [['lambdas=11'], 'npx isthmus run text --set lambdas=11'],
    [['seeds=1,2'], 'npx isthmus run text --set seeds=1,2'],
    [['pairs=[[1,2],[1,3]]'], "npx isthmus run text --set 'pairs=[[1,2],[1,3]]'"],
    [['books=my books'], "npx isthmus run text --set 'books=my books'"],
    [
      ['evaluation.blocks=8', 'alignment.fraction=0.5'],
      'npx isthmus run text --set alignment.fraction=0.5 --set evaluation.blocks=8',
    ],
    [['alignment.fraction=sweep(0.1,0.5)'], "npx isthmus run text --set 'alignment.fraction=sweep(0.1,0.5)'"],
    [
      ['methods=sweep([["vanilla","ffn"],["vanilla"]])'],
      `npx isthmus run text --set 'methods=sweep([["vanilla","ffn"],["vanilla"]])'`,
    ],
  ])('gives back %j', (assignments, command) => {
    expect(studyCommand('text', settingsOf(assignments), file)).toBe(command)
  })

  it('runs with the same settings again', () => {
    const assignments = ['seeds=1,3', 'methods=ffn,vanilla', 'alignment.fraction=sweep(0.2,0.4)', 'engine.name=onnx']
    const settings = settingsOf(assignments)
    const command = studyCommand('text', settings, file)
    const again = [...command.matchAll(/--set (?:'([^']*)'|(\S+))/g)].map(([, quoted, plain]) => quoted ?? plain!)
    expect(settingsOf(again)).toEqual(settings)
  })

  it('names a study whose file is gone without settings, since none can be compared', () => {
    expect(studyCommand('gone', settingsOf(['lambdas=11']), undefined)).toBe('npx isthmus run gone')
  })
})
