import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const workspace = resolve(import.meta.dirname, '../../..')

/** Settings under which a study takes a few seconds. */
export const small = [
  'seeds=1,2',
  'methods=vanilla,ffn',
  'lambdas=3',
  'alignment.fraction=0.002',
  'evaluation.blocks=4',
]

/** How a command ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Run the command as a user does, with a home of its own, and perhaps variables of the environment before its words. */
export function isthmus(home: string, ...words: readonly (string | Record<string, string>)[]): Promise<Ended> {
  const args = words.filter((word) => typeof word === 'string')
  const environment = Object.assign({}, ...words.filter((word) => typeof word !== 'string'))
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [resolve(workspace, 'apps/cli/bin/isthmus.mjs'), ...args], {
      cwd: workspace,
      env: { ...process.env, ISTHMUS_HOME: home, ...environment },
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => {
      output.stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      output.stderr += chunk
    })
    child.on('error', fail)
    child.on('close', (code) => done({ code, ...output }))
  })
}

/** `run quickstart`, made small, with further settings. */
export function runSmall(home: string, ...settings: readonly string[]): Promise<Ended> {
  return isthmus(home, 'run', 'quickstart', ...[...small, ...settings].flatMap((setting) => ['--set', setting]))
}

/** A new folder for a test. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'isthmus-cli-'))
}

/** A copy of two seeds of the shipped family, to damage. */
export function copyFamily(folder: string): string {
  for (const seed of ['seed-1', 'seed-2'])
    cpSync(join(workspace, 'datasets/models', seed), join(folder, seed), { recursive: true })
  return folder
}
