import type { InputArtifact } from '@isthmus/dataflow'

/** The paths of all blobs of an artifact, by name. */
export async function blobPaths(artifact: InputArtifact): Promise<Record<string, string>> {
  const paths = await Promise.all(
    Object.keys(artifact.blobs).map(async (name) => [name, await artifact.path(name)] as const),
  )
  return Object.fromEntries(paths)
}
