import type { LiveRun } from '@isthmus/remote'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Whoami } from './server.ts'

/** What all views share. */
export interface Session {
  readonly who: Whoami
  /** Raised when rows have been recorded: results are asked for again. */
  readonly revision: number
  readonly runs: readonly LiveRun[]
  /** Whether the server is not heard: what is shown may be old. */
  readonly isLost: boolean
  /** Ask for results again, after writing notes or tags. */
  refresh(): void
}

export const SessionContext = createContext<Session | null>(null)

/** The session of a view. */
export function useSession(): Session {
  return useContext(SessionContext)!
}

/** Whether one may write notes, tags and queries. */
export function mayWrite({ who }: Session): boolean {
  return who.role !== 'read'
}
