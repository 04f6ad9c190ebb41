import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildOnce, buildPrograms } from '@isthmus/build'
import { describe, expect, it, onTestFinished } from 'vitest'

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-build-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

function project() {
  const root = temporaryDirectory()
  const sources = join(root, 'src')
  const distribution = join(root, 'dist')
  mkdirSync(sources)
  writeFileSync(join(sources, 'a.txt'), 'first')
  let builds = 0
  return {
    sources,
    distribution,
    builds: () => builds,
    build: () =>
      buildOnce({
        distribution,
        sources: [sources, join(root, 'absent')],
        build: async (folder) => {
          builds += 1
          mkdirSync(folder, { recursive: true })
          writeFileSync(join(folder, 'copy.txt'), readFileSync(join(sources, 'a.txt')))
        },
      }),
  }
}

describe('buildOnce', () => {
  it('builds when the content or the name of a source has changed, and not otherwise', async () => {
    const { sources, build, builds } = project()
    const first = await build()
    expect(await build()).toBe(first)
    expect(builds()).toBe(1)
    writeFileSync(join(sources, 'a.txt'), 'second')
    const second = await build()
    expect(readFileSync(join(first, 'copy.txt'), 'utf8')).toBe('first')
    expect(readFileSync(join(second, 'copy.txt'), 'utf8')).toBe('second')
    writeFileSync(join(sources, 'b.txt'), '')
    expect(new Set([first, second, await build()]).size).toBe(3)
    writeFileSync(join(sources, 'a.txt'), 'first')
    rmSync(join(sources, 'b.txt'))
    expect(await build()).toBe(first)
    expect(builds()).toBe(3)
  })

  it('gives one build to all who want it at once, and leaves no other', async () => {
    const { distribution, build } = project()
    const folders = await Promise.all([build(), build(), build()])
    expect(new Set(folders).size).toBe(1)
    expect(readdirSync(distribution)).toEqual([folders[0]!.slice(distribution.length + 1)])
  })

  it('leaves nothing of a build that failed', async () => {
    const distribution = join(temporaryDirectory(), 'dist')
    const failing = buildOnce({
      distribution,
      sources: [],
      build: async (folder) => {
        mkdirSync(folder, { recursive: true })
        throw new Error('out of paper')
      },
    })
    await expect(failing).rejects.toThrow('out of paper')
    expect(readdirSync(distribution)).toEqual([])
  })

  it('removes builds older than a day, but for the youngest three', async () => {
    const { sources, build } = project()
    const folders: string[] = []
    for (let i = 0; i < 6; i++) {
      writeFileSync(join(sources, 'a.txt'), `version ${i}`)
      const folder = await build()
      const built = Date.now() / 1000 - (6 - i) * 86_400
      utimesSync(folder, built, built)
      folders.push(folder)
    }
    writeFileSync(join(sources, 'a.txt'), 'now')
    await build()
    expect(folders.map((folder) => existsSync(folder))).toEqual([false, false, false, true, true, true])
  })
})

describe('buildPrograms', () => {
  it('makes a program that runs by itself, and names its sources in errors', async () => {
    const root = temporaryDirectory()
    writeFileSync(join(root, 'sum.ts'), 'export const sum = (a: number, b: number): number => a + b\n')
    writeFileSync(
      join(root, 'program.ts'),
      "import { sum } from './sum.ts'\n\nprocess.stdout.write(sum(1, 2) + ' ' + new Error('here').stack)\n",
    )
    const options = {
      distribution: join(root, 'dist'),
      sources: [join(root, 'sum.ts'), join(root, 'program.ts')],
      programs: { add: join(root, 'program.ts') },
    }
    const folder = await buildPrograms(options)
    const printed = execFileSync(process.execPath, ['--enable-source-maps', join(folder, 'add.mjs')], {
      encoding: 'utf8',
    })
    expect(printed).toMatch(/^3 Error: here\n/)
    expect(printed).toContain('program.ts:3')
  })
})
