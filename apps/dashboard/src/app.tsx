import type { LiveRun } from '@isthmus/remote'
import type { ComponentType } from 'preact'
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import { hrefOf, useAddress } from './address.ts'
import {
  keepToken,
  keptToken,
  listen,
  liveRuns,
  onUnauthorized,
  type ServerError,
  type Whoami,
  whoami,
} from './server.ts'
import { type Session, SessionContext } from './session.ts'
import { SignIn } from './sign-in.tsx'
import { ThemeSwitch } from './theme-switch.tsx'
import { CompareView } from './views/compare.tsx'
import { ConsoleView } from './views/console.tsx'
import { LeaderboardView } from './views/leaderboard.tsx'
import { LinkedView } from './views/linked.tsx'
import { LiveView } from './views/live.tsx'
import { ResultView } from './views/result.tsx'
import { ResultsView } from './views/results.tsx'
import { StudiesView } from './views/studies.tsx'

interface View {
  readonly title: string
  readonly component: ComponentType<{ readonly params: URLSearchParams }>
}

const views: Readonly<Record<string, View>> = {
  studies: { title: 'Studies', component: StudiesView },
  results: { title: 'Results', component: ResultsView },
  leaderboard: { title: 'Leaderboard', component: LeaderboardView },
  linked: { title: 'Linked views', component: LinkedView },
  compare: { title: 'Compare', component: CompareView },
  live: { title: 'Live', component: LiveView },
  sql: { title: 'SQL', component: ConsoleView },
}
const resultView: View = { title: 'Result', component: ResultView }

/** How often results are asked for again while rows arrive, in milliseconds. */
const refreshInterval = 2000

type Entry =
  | { readonly state: 'entering' }
  | { readonly state: 'locked'; readonly message: string | null }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'in'; readonly who: Whoami }

/** The page: who one is, where one is, and the view. */
export function App() {
  const [entry, setEntry] = useState<Entry>({ state: 'entering' })
  const enter = useCallback(() => {
    whoami()
      .then((who) => setEntry({ state: 'in', who }))
      .catch((error: ServerError) => {
        if (error.status === 401) setEntry({ state: 'locked', message: keptToken() === null ? null : error.message })
        else setEntry({ state: 'failed', message: error.message })
      })
  }, [])
  useEffect(() => {
    onUnauthorized(() =>
      setEntry({ state: 'locked', message: keptToken() === null ? null : 'The token is not valid.' }),
    )
    enter()
  }, [enter])
  if (entry.state === 'entering') return null
  if (entry.state === 'in') return <Page who={entry.who} />
  if (entry.state === 'locked') return <SignIn message={entry.message} onToken={enter} />
  return (
    <main class="alone">
      <h1>Isthmus</h1>
      <p class="error" role="alert">
        {entry.message}
      </p>
      <button type="button" onClick={enter}>
        Try again
      </button>
    </main>
  )
}

function Page({ who }: { who: Whoami }) {
  const { view, params } = useAddress()
  const session = useLive(who)
  const { title, component: Component } = view === 'result' ? resultView : (views[view] ?? views.studies!)
  useEffect(() => {
    document.title = `${title} · Isthmus`
  }, [title])
  return (
    <SessionContext.Provider value={session}>
      <button type="button" class="skip" onClick={() => document.getElementById('content')!.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href={hrefOf('studies')}>
          Isthmus
        </a>
        <nav aria-label="Views">
          {Object.entries(views).map(([name, { title: text }]) => (
            <a key={name} href={hrefOf(name)} aria-current={name === view ? 'page' : undefined}>
              {text}
              {name === 'live' && <RunningCount runs={session.runs} />}
            </a>
          ))}
        </nav>
        <div class="who">
          <span title={`Version ${who.isthmus}`}>
            {who.name} <span class="quiet">{who.role}</span>
          </span>
          {keptToken() !== null && (
            <button type="button" class="plain" onClick={signOut}>
              Sign out
            </button>
          )}
          <ThemeSwitch />
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <h1>{title}</h1>
        <Component params={params} />
      </main>
    </SessionContext.Provider>
  )
}

function RunningCount({ runs }: { runs: readonly LiveRun[] }) {
  const count = runs.filter(({ state }) => state === 'running').length
  if (count === 0) return null
  return (
    <span class="badge" title="Running now">
      {count}
    </span>
  )
}

/** What the server says meanwhile. */
function useLive(who: Whoami): Session {
  const [runs, setRuns] = useState<readonly LiveRun[]>([])
  const [revision, setRevision] = useState(0)
  const refresh = useCallback(() => setRevision((before) => before + 1), [])
  useEffect(() => {
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const refreshSoon = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        refresh()
      }, refreshInterval)
    }
    void listen((event) => {
      if (event.name === 'connected') liveRuns().then(setRuns, () => undefined)
      else if (event.name === 'run') setRuns((before) => withRun(before, event.run))
      else refreshSoon()
    }, abort.signal)
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [refresh])
  return useMemo(() => ({ who, runs, revision, refresh }), [who, runs, revision, refresh])
}

function withRun(runs: readonly LiveRun[], run: LiveRun): readonly LiveRun[] {
  const index = runs.findIndex(({ id }) => id === run.id)
  return index === -1 ? [run, ...runs] : runs.with(index, run)
}

function signOut(): void {
  keepToken(null)
  location.reload()
}
