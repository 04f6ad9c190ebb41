import { CheckpointError } from './checkpoint-error.ts'
import type { NamingScheme } from './naming-schemes.ts'

/** What names are read as, and what of that the user should know. */
export interface NameMapping {
  /** Canonical names by stored names; what is left out is missing. */
  readonly toCanonical: ReadonlyMap<string, string>
  /** One sentence for each kind of change. */
  readonly report: readonly string[]
}

/** Map the names of a checkpoint's tensors to those that `transformers` gives them today.
 *
 *  A bare encoder gets its prefix, `LayerNorm.gamma` and `.beta` become `.weight` and `.bias`, a decoder's bias is the
 *  head's, and buffers are left out. Decided by names alone; a decoder that is stored beside the embeddings stays.
 *  @param source What an error calls the checkpoint.
 *  @throws {CheckpointError} when two tensors would have one name.
 */
export function canonicalNames(scheme: NamingScheme, names: Iterable<string>, source: string): NameMapping {
  const { prefix, modules, buffers, decoder } = scheme
  const stored = new Set(names)
  const isBare = ![...stored].some((name) => name.startsWith(`${prefix}.`))
  const alias = decoder?.bias
  const renamesBias = alias !== undefined && stored.has(alias.alias) && !stored.has(alias.name)
  const counts = { prefix: 0, layerNorm: 0 }
  const leftOut: string[] = []
  const toCanonical = new Map<string, string>()
  const storedAs = new Map<string, string>()
  for (const name of stored) {
    let canonical = name
    if (isBare && modules.some((module) => name.startsWith(`${module}.`))) canonical = `${prefix}.${name}`
    if (canonical !== name) counts.prefix += 1
    const current = canonical
      .replace(/\bLayerNorm\.gamma$/, 'LayerNorm.weight')
      .replace(/\bLayerNorm\.beta$/, 'LayerNorm.bias')
    if (current !== canonical) counts.layerNorm += 1
    canonical = renamesBias && name === alias.alias ? alias.name : current
    if (buffers.test(canonical)) {
      leftOut.push(name)
      continue
    }
    const other = storedAs.get(canonical)
    if (other !== undefined) {
      throw new CheckpointError(
        `${source} has two tensors that mean ${canonical}, '${other}' and '${name}': remove one of them`,
      )
    }
    toCanonical.set(name, canonical)
    storedAs.set(canonical, name)
  }
  const report = [
    counts.prefix > 0 && `${counts.prefix} names of a bare model are read with the prefix '${prefix}.'`,
    counts.layerNorm > 0 && `${counts.layerNorm} names LayerNorm.gamma and LayerNorm.beta are read as weight and bias`,
    renamesBias && `${alias.alias} is read as ${alias.name}`,
    leftOut.length > 0 && `left out, since no parameters: ${listBriefly(leftOut)}`,
  ]
  return { toCanonical, report: report.filter((sentence) => sentence !== false) }
}

function listBriefly(names: readonly string[]): string {
  return names.length > 2 ? `${names[0]} and ${names.length - 1} more` : names.join(' and ')
}
