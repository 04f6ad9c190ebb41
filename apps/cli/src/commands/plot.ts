import { extname } from 'node:path'
import { alignmentMethod } from '@isthmus/alignment'
import { type FigureRequest, figureNamed, studiesWithResults } from '@isthmus/figures'
import type { Results } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { cachedTensors } from '../cached-tensors.ts'
import { figurePage } from '../figure-page.ts'
import { isthmusHome } from '../home.ts'
import { readResults } from '../home-results.ts'
import { writeWholeFile } from '../write-whole-file.ts'

interface PlotOptions {
  readonly out: string
  readonly study?: string
  readonly pair?: string
  readonly layer?: string
  readonly method?: string
}

/** `isthmus plot`: draw one figure of a study, as an SVG file or an HTML page around it. */
export async function plotCommand(name: string, options: PlotOptions): Promise<void> {
  const figure = figureNamed(name)
  const format = extname(options.out).toLowerCase()
  if (format !== '.svg' && format !== '.html') {
    throw new UserError(`--out ${options.out}: give a file that ends in .svg or .html`)
  }
  await readResults(async (results) => {
    using tensors = await cachedTensors(isthmusHome().cache)
    const study = options.study ?? (await onlyStudy(results))
    const drawn = await figure.draw({ results, study, tensors, ...matrixChoice(options) })
    await writeWholeFile(options.out, format === '.svg' ? drawn.svg : figurePage(drawn))
    process.stdout.write(`${options.out}: ${drawn.title} (${study})\n`)
  })
}

/** The pair, layer and method of a matrix, as given. */
function matrixChoice({ pair, layer, method }: PlotOptions): Pick<FigureRequest, 'pair' | 'layer' | 'method'> {
  const models = pair?.split(',').map((model) => model.trim())
  if (models !== undefined && (models.length !== 2 || models.includes(''))) {
    throw new UserError(`--pair ${pair}: give two models, as in --pair seed-1,seed-2`)
  }
  if (layer !== undefined && !/^\d+$/.test(layer)) {
    throw new UserError(`--layer ${layer}: give the number of a layer, counted from 0`)
  }
  return {
    ...(models === undefined ? {} : { pair: [models[0]!, models[1]!] as const }),
    ...(layer === undefined ? {} : { layer: Number(layer) }),
    ...(method === undefined ? {} : { method: alignmentMethod(method).name }),
  }
}

async function onlyStudy(results: Results): Promise<string> {
  const studies = await studiesWithResults(results)
  if (studies.length === 1) return studies[0]!
  throw new UserError(
    studies.length === 0
      ? 'there are no results yet: run a study first, isthmus run quickstart'
      : `there are results of several studies: choose one with --study, of ${studies.join(', ')}`,
  )
}
