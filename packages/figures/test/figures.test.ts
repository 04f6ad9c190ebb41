import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import {
  type DrawnFigure,
  drawBarriers,
  drawCorrelationByLayer,
  drawCorrelationHeatmap,
  drawDataAmount,
  drawLossCurves,
  drawTaskCurves,
  drawTrainingCurves,
} from '../src/index.ts'
import {
  attentionCorrelation,
  barrierRow,
  curveRows,
  dataAmountRow,
  description,
  heads,
  layerRows,
  mixed,
  taskCurveRows,
} from './sample-rows.ts'

const { document } = parseHTML('<!doctype html><html><body></body></html>')

/** The figure as a document, to be counted in. */
function parsed({ svg }: DrawnFigure) {
  const box = document.createElement('div')
  box.innerHTML = svg
  const all = (selector: string) => [...box.querySelectorAll(selector)]
  const texts = all('text').map((text) => text.textContent)
  return { all, texts }
}

/** How many different lines are drawn in a colour and dash: legend and panels use one path each. */
function linesOf(figure: DrawnFigure, stroke: string): number {
  return parsed(figure).all(`g[aria-label="line"][stroke="${stroke}"] path`).length
}

/** A circle, or the path that a symbol is. */
function markerShape(markup: string): string {
  return / d="([^"]*)"/.exec(markup)?.[1] ?? /<circle/.exec(markup)![0]
}

const everyFigure: readonly (readonly [string, () => DrawnFigure])[] = [
  ['loss-curves', () => drawLossCurves(curveRows(['ffn', heads, 'vanilla']), description())],
  ['barriers', () => drawBarriers([barrierRow({ published: 4, publishedStderr: 0.2 }), barrierRow()], description())],
  ['correlation-by-layer', () => drawCorrelationByLayer(layerRows(['ffn'], 'ffn', 0.3), description())],
  ['correlation-heatmap', () => drawCorrelationHeatmap(attentionCorrelation())],
  ['task-curves', () => drawTaskCurves([...taskCurveRows('genre', 'a'), ...taskCurveRows('spam', 'b')], description())],
  ['training-curves', () => drawTrainingCurves(trainings, 'demo')],
  ['data-amount', () => drawDataAmount([dataAmountRow(), dataAmountRow({ fraction: 1 })], description())],
]

const trainings = ['seed-1', 'seed-2'].flatMap((model, index) =>
  [50, 100, 150].map((step) => ({
    ...{ variant: '', model, step, loss: 7 + index - step / 50 },
    validationLoss: step === 150 ? 4.5 : null,
  })),
)

describe.each(everyFigure)('%s', (_, draw) => {
  it('is one SVG document with a title, a description and nothing from outside, the same every time', () => {
    const { svg, title, caption } = draw()
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+" viewBox=/)
    expect(svg).toContain(`<title>${title}</title>\n<desc>`)
    expect(caption).toContain('Study demo')
    expect(svg.match(/<svg/g)).toHaveLength(1)
    expect(svg).not.toMatch(/<script|<style|url\(|@import|(?:href|src)="(?!data:)/)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    expect(draw().svg).toBe(svg)
  })

  it('fits in its frame', () => {
    const { svg } = draw()
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg)!.map(Number)
    const starts = [...svg.matchAll(/^<text x="([\d.]+)" y="([\d.]+)"/gm)].map(([, x, y]) => [Number(x), Number(y)])
    expect(starts.length).toBeGreaterThan(1)
    for (const [x, y] of starts) {
      expect(x).toBeLessThan(width!)
      expect(y).toBeLessThan(height!)
    }
  })
})

describe('loss-curves', () => {
  const methods = ['ffn', heads, 'vanilla']

  it('has a line, a band and markers for each method, and a second panel of the differences to vanilla', () => {
    const figure = drawLossCurves(curveRows(methods), description())
    const { all, texts } = parsed(figure)
    expect(all('g[aria-label="area"] path')).toHaveLength(3 + 2)
    expect(linesOf(figure, '#000000')).toBe(2)
    expect(linesOf(figure, '#0072b2')).toBe(3)
    expect(texts).toEqual(expect.arrayContaining([...methods, 'loss (nats per masked token)']))
    expect(texts).toEqual(expect.arrayContaining(['λ (0: model B, 1: model A)', 'loss minus that of vanilla (nats)']))
    expect(figure.caption).toBe(
      'Study demo: losses on wiki.valid.raw (1,234 masked tokens), features matched on books (fraction 0.1). Lines: mean ' +
        'over 3 pairs of 3 models; bands: smallest to largest pair. † changes the function of B on purpose: its λ = 0 ' +
        'is the changed model.',
    )
  })

  it('tells methods apart by dash and marker as well as by colour', () => {
    const { all } = parsed(drawLossCurves(curveRows(methods), description()))
    const styles = all('g[aria-label="line"]').map((group) =>
      ['stroke', 'stroke-dasharray'].map((name) => group.getAttribute(name)).join(' '),
    )
    expect(new Set(styles)).toEqual(new Set(['#0072b2 7 3', '#d55e00 2 3', '#000000 ']))
    const markers = new Map(
      all('g[aria-label="dot"]').map((group) => [group.getAttribute('stroke'), markerShape(group.innerHTML)]),
    )
    expect(markers.size).toBe(3)
    expect(new Set(markers.values()).size).toBe(3)
  })

  it('has no second panel without vanilla, and a panel with its heading for each variant', () => {
    const without = drawLossCurves(curveRows(['ffn']), description({ methods: ['ffn'] }))
    expect(without.svg).not.toContain('minus that of vanilla')
    const swept = ['alignment.fraction=0.1', 'alignment.fraction=1']
    const figure = drawLossCurves(
      swept.flatMap((variant) => curveRows(methods, variant)),
      description({ fractions: [0.1, 1] }),
    )
    expect(parsed(figure).texts).toEqual(expect.arrayContaining(swept))
    expect(linesOf(figure, '#000000')).toBe(1 + 2)
    expect(figure.svg).not.toContain('minus that of vanilla')
  })

  it('says nothing of bands over one pair', () => {
    expect(drawLossCurves(curveRows(methods), description({ pairs: 1, models: 2 })).caption).not.toContain('bands')
  })
})

describe('barriers', () => {
  it('has a dot, an interval and the number of each method, in the order given, and † where the function is broken', () => {
    const rows = [barrierRow({ method: mixed, barrier: 3.456 }), barrierRow({ method: 'vanilla', barrier: 4.8 })]
    const { all, texts } = parsed(drawBarriers(rows, description()))
    expect(texts.filter((text) => [`${mixed} †`, 'vanilla'].includes(text!))).toEqual([`${mixed} †`, 'vanilla'])
    expect(all('g[aria-label="dot"] circle')).toHaveLength(2)
    expect(all('g[aria-label="rule"][stroke="#0072b2"] line')).toHaveLength(2)
    expect(texts).toEqual(expect.arrayContaining(['3.46', '4.80', 'loss barrier (nats)']))
    expect(texts).not.toContain('published')
    const heights = all('g[aria-label="dot"] circle').map((dot) => Number(dot.getAttribute('cy')))
    expect(heights[0]).toBeLessThan(heights[1]!)
  })

  it('shows the published value under ours, of another shape, and names its source', () => {
    const rows = [barrierRow({ published: 3.71, publishedStderr: 0.23 }), barrierRow({ method: 'vanilla' })]
    const figure = drawBarriers(rows, description())
    const { all, texts } = parsed(figure)
    expect(texts).toEqual(expect.arrayContaining(['measured here', 'published', '3.71']))
    expect(all('g[aria-label="rule"][stroke-dasharray="3 2"] line')).toHaveLength(1)
    expect(figure.caption).toContain(
      'Published: Verma & Elbayad (2024), MultiBERTs on WikiText-103, ± 1 standard error.',
    )
    expect(figure.svg).toContain('Verma &amp; Elbayad')
  })

  it('says why there is no interval under three models', () => {
    const figure = drawBarriers([barrierRow({ low: null, high: null })], description({ pairs: 1, models: 2 }))
    expect(figure.caption).toContain('1 pair of 2 models')
    expect(figure.caption).toContain('no interval, which takes three models')
    expect(parsed(figure).all('g[aria-label="rule"][stroke="#0072b2"] line')).toHaveLength(0)
  })

  it('breaks a long name before a part', () => {
    const method = `${heads}+residual/first/released-code`
    const { all } = parsed(drawBarriers([barrierRow({ method })], description({ methods: [method] })))
    expect(all('tspan').map((line) => line.textContent)).toEqual([heads, '+residual/first/released-code'])
  })
})

describe('correlation-by-layer', () => {
  it('has a panel for each site, and one line for methods that match it alike, named by what they share', () => {
    const rows = [
      ...layerRows(['ffn', heads, `${heads}/qk`], 'ffn', 0.3),
      ...layerRows([heads, `${heads}/qk`], 'attention', 0.2),
      ...layerRows([`${heads}/qk`], 'queryKey', 0.25),
    ]
    const figure = drawCorrelationByLayer(rows, description({ methods: ['ffn', heads, `${heads}/qk`, 'vanilla'] }))
    const { all, texts } = parsed(figure)
    expect(texts).toEqual(expect.arrayContaining(['feed-forward', 'attention', 'query and key', 'mean correlation']))
    expect(texts).toEqual(expect.arrayContaining(['before alignment', 'ffn', heads, `${heads}/qk`, 'layer']))
    expect(all('g[aria-label="area"] path')).toHaveLength(3)
    expect(linesOf(figure, '#777777')).toBe(1 + 3)
  })

  it('says which variant of a study it shows', () => {
    const rows = layerRows(['ffn'], 'ffn', 0.3).map((row) => ({ ...row, variant: 'alignment.fraction=1' }))
    const { caption } = drawCorrelationByLayer(rows, description({ fractions: [0.1, 1] }))
    expect(caption).toMatch(/^Study demo, alignment\.fraction=1: mean over .* matched with it, on books\. Lines/)
  })

  it('names lines by the parts that all of their methods have', () => {
    const rows = layerRows([heads, mixed], 'ffn', 0.3)
    const { texts } = parsed(drawCorrelationByLayer(rows, description({ methods: [heads, mixed] })))
    expect(texts).toContain('ffn')
    expect(texts).not.toContain('ffn+attention')
  })
})

describe('correlation-heatmap', () => {
  it('has the matrix before and after, head boundaries, and the order of the heads', () => {
    const figure = drawCorrelationHeatmap(attentionCorrelation())
    const { all, texts } = parsed(figure)
    const images = all('image').map((image) => image.getAttribute('xlink:href') ?? image.getAttribute('href'))
    expect(images).toHaveLength(2)
    expect(new Set(images).size).toBe(2)
    expect(all('g[aria-label="rule"] line')).toHaveLength(2 * 2)
    const labels = texts.filter((text) => text === '0' || text === '1')
    expect(labels.sort()).toEqual(['0', '0', '0', '0', '0', '1', '1', '1', '1'])
    expect(texts).toEqual(expect.arrayContaining(['heads of seed-1', 'heads of seed-2', 'correlation']))
    expect(figure.caption).toContain('4 features in 2 heads, correlated on 37,205 tokens of books (fraction 0.1)')
    expect(figure.caption).toContain('Mean of the diagonal: −0.075 before, 0.750 after.')
  })

  it('says where features are matched across heads', () => {
    const { caption } = drawCorrelationHeatmap(attentionCorrelation({ permutation: [2, 1, 0, 3] }))
    expect(caption).toContain('Features are matched across heads.')
  })
})

describe('data-amount', () => {
  const difference = { value: -0.5, low: -1, high: 0 }
  const rows = [
    dataAmountRow({ fraction: 1, difference }),
    dataAmountRow({ fraction: 0.001, difference }),
    dataAmountRow({ method: 'vanilla', fraction: 0.001, difference: { value: 0, low: 0, high: 0 } }),
    dataAmountRow({ method: 'vanilla', fraction: 1, difference: { value: 0, low: 0, high: 0 } }),
  ]

  it('has the fractions on a logarithmic axis, a line and bars for each method, and the differences to vanilla', () => {
    const figure = drawDataAmount(rows, description({ methods: ['ffn', 'vanilla'], fractions: [0.001, 1] }))
    const { all, texts } = parsed(figure)
    expect(texts.filter((text) => text === '0.001')).toHaveLength(2)
    expect(texts).toEqual(expect.arrayContaining(['fraction of the sampled text (log scale)', 'loss barrier (nats)']))
    expect(texts).toContain('loss barrier minus that of vanilla (nats)')
    expect(linesOf(figure, '#0072b2')).toBe(3)
    expect(linesOf(figure, '#000000')).toBe(2)
    expect(all('g[aria-label="rule"][stroke="#0072b2"] line')).toHaveLength(2 + 2)
  })
})

describe('text in figures', () => {
  it('is escaped, in words and in the title', () => {
    const study = '<script>alert("&")</script>'
    const method = 'a<b>&"c"'
    const { svg } = drawLossCurves(curveRows([method, 'vanilla']), description({ study, methods: [method, 'vanilla'] }))
    expect(svg).not.toContain('<script')
    expect(svg).not.toContain('<b>')
    expect(svg).toContain('Study &lt;script&gt;')
    expect(svg).toMatch(/a&lt;b&gt;&amp;(?:"|&quot;)c/)
  })
})

describe('task-curves', () => {
  const study = description({ tasks: ['genre', 'spam'], fractions: [1], methods: [heads, 'vanilla'], broken: [] })

  it('has a panel of losses and one of the metric for each task', () => {
    const figure = drawTaskCurves([...taskCurveRows('genre', 'a'), ...taskCurveRows('spam', 'b')], study)
    const { all, texts } = parsed(figure)
    expect(all('g[aria-label="area"] path')).toHaveLength(2 * 2 * 2)
    expect(texts.filter((text) => ['loss', 'accuracy', 'genre', 'spam'].includes(text!)).sort()).toEqual([
      'accuracy',
      'accuracy',
      'genre',
      'loss',
      'loss',
      'spam',
    ])
    expect(figure.caption).toBe(
      'Study demo: the validation texts of genre, spam, features matched on the training texts (fraction 1). Lines: mean ' +
        'over 3 pairs of 3 models; bands: smallest to largest pair.',
    )
  })

  it('names the swept settings where a task is shown twice', () => {
    const { texts } = parsed(
      drawTaskCurves([...taskCurveRows('genre', 'a=1'), ...taskCurveRows('genre', 'a=2')], study),
    )
    expect(texts).toEqual(expect.arrayContaining(['genre: a=1', 'genre: a=2']))
  })
})

describe('training-curves', () => {
  it('has a thin line for each model, and markers where there is a validation loss', () => {
    const figure = drawTrainingCurves(trainings, 'demo')
    const { all, texts } = parsed(figure)
    expect(texts).toEqual(expect.arrayContaining(['seed-1', 'seed-2', 'steps', 'loss (nats)']))
    expect(all('g[aria-label="line"][stroke-width="0.8"]').map((line) => line.getAttribute('stroke'))).toEqual([
      '#000000',
      '#0072b2',
    ])
    const dots = all('g[aria-label="dot"]')
    // One each in the legend, and one each for the last step.
    expect(dots.reduce((sum, group) => sum + group.children.length, 0)).toBe(2 + 2)
    expect(figure.caption).toContain('markers: loss on text')
  })

  it('has a panel for each swept setting, and says nothing of markers where there are none', () => {
    const rows = ['a=1', 'a=2'].flatMap((variant) =>
      trainings.map((row) => ({ ...row, variant, validationLoss: null })),
    )
    const figure = drawTrainingCurves(rows, 'demo')
    expect(parsed(figure).texts).toEqual(expect.arrayContaining(['a=1', 'a=2']))
    expect(figure.caption).not.toContain('markers')
  })
})
