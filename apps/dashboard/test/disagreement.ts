import { type ActionRecord, artifactDigest, nodeKey } from '@isthmus/dataflow'

/** Two records of one step with different values, of which a server keeps the first. */
export function contradictingRecords(): readonly [ActionRecord, ActionRecord] {
  const [operation, version, params] = ['alignment.align', 1, { method: 'head-perm' }] as const
  const recordOf = (value: number): ActionRecord => ({
    ...{ key: nodeKey(operation, version, params, {}), operation, version, params, inputs: {} },
    output: { digest: artifactDigest(value, {}), value, blobs: {} },
    ...{ seconds: 0.5, createdAt: '2026-01-31T12:01:00.000Z' },
  })
  return [recordOf(1), recordOf(2)]
}

/** Give a server a step’s two values.
 *
 *  @returns The step’s key.
 *  @throws when the server does anything but take the first and refuse the second.
 */
export async function disagree(url: string): Promise<string> {
  const [first, second] = contradictingRecords()
  const statuses: number[] = []
  for (const record of [first, second]) {
    const { status } = await fetch(`${url}/v1/actions/${record.key}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ record, isthmus: '0.1.0' }),
    })
    statuses.push(status)
  }
  if (statuses.join() !== '201,409')
    throw new Error(`expected the statuses 201 and 409, found ${statuses.join(' and ')}`)
  return first.key
}
