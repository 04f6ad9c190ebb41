import type { LiveRun } from '@isthmus/remote'
import type { Disagreement } from '@isthmus/results'
import type { ComponentChildren, ComponentType } from 'preact'
import { useCallback, useEffect, useErrorBoundary, useMemo, useRef, useState } from 'preact/hooks'
import { hrefOf, useAddress } from './address.ts'
import { Failure } from './parts.tsx'
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
import { useWritten } from './use-query.ts'
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
/** How often runs are listed anew, in milliseconds: one that was killed says nothing of it. */
const listInterval = 30_000

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
      <Failure message={entry.message} />
      <button type="button" onClick={enter}>
        Try again
      </button>
    </main>
  )
}

function Page({ who }: { who: Whoami }) {
  const { view, params } = useAddress()
  const session = useLive(who)
  const { title, component: Component } =
    view === 'result' ? resultView : Object.hasOwn(views, view) ? views[view]! : views.studies!
  useEffect(() => {
    document.title = `${title} · Isthmus`
  }, [title])
  useFocusOnArrival(view)
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
              {text} {name === 'live' && <LiveCounts runs={session.runs} />}
            </a>
          ))}
        </nav>
        <div class="who">
          {session.isLost && (
            <span class="warn" role="status">
              Connection lost
            </span>
          )}
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
        <Guarded key={view}>
          <Component params={params} />
        </Guarded>
      </main>
    </SessionContext.Provider>
  )
}

/** Start at the top of a view that a link has led to, with the keyboard too. */
function useFocusOnArrival(view: string): void {
  const last = useRef(view)
  useEffect(() => {
    if (last.current === view) return
    last.current = view
    document.getElementById('content')!.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [view])
}

/** A view, of which a fault leaves the rest of the page as it is. */
function Guarded({ children }: { children: ComponentChildren }) {
  const [fault, reset] = useErrorBoundary((error) => console.error(error))
  if (fault === undefined) return <>{children}</>
  return (
    <>
      <Failure message={`This view cannot be shown: ${String(fault)}`} />
      <button type="button" onClick={reset}>
        Try again
      </button>
    </>
  )
}

function LiveCounts({ runs }: { runs: readonly LiveRun[] }) {
  const running = runs.filter(({ state }) => state === 'running').length
  const contradicted = useWritten<Disagreement>('disagreements').rows?.length ?? 0
  return (
    <>
      <Badge count={running} means="running now" /> <Badge count={contradicted} means="disagreements" isBad />
    </>
  )
}

function Badge({ count, means, isBad }: { count: number; means: string; isBad?: true }) {
  if (count === 0) return null
  return (
    <span class={isBad ? 'badge bad' : 'badge'} title={means}>
      {count}
      <span class="hidden"> {means}</span>
    </span>
  )
}

/** What the server says meanwhile. */
function useLive(who: Whoami): Session {
  const [runs, setRuns] = useState<readonly LiveRun[]>([])
  const [revision, setRevision] = useState(0)
  const [isLost, setLost] = useState(false)
  const refresh = useCallback(() => setRevision((before) => before + 1), [])
  useEffect(() => {
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let wasLost = false
    const list = () =>
      liveRuns().then(
        (listed) => setRuns((before) => latestOf(before, listed)),
        () => undefined,
      )
    const lister = setInterval(list, listInterval)
    const refreshSoon = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        refresh()
      }, refreshInterval)
    }
    void listen((event) => {
      if (event.name === 'connected' || event.name === 'lost') setLost(event.name === 'lost')
      if (event.name === 'lost') wasLost = true
      else if (event.name === 'connected') {
        void list()
        if (wasLost) refresh()
      } else if (event.name === 'run') setRuns((before) => withRun(before, event.run))
      else refreshSoon()
    }, abort.signal)
    return () => {
      abort.abort()
      clearTimeout(timer)
      clearInterval(lister)
    }
  }, [refresh])
  return useMemo(() => ({ who, runs, revision, isLost, refresh }), [who, runs, revision, isLost, refresh])
}

function withRun(runs: readonly LiveRun[], run: LiveRun): readonly LiveRun[] {
  const index = runs.findIndex(({ id }) => id === run.id)
  return index === -1 ? [run, ...runs] : runs.with(index, run)
}

/** The runs of a list, each as it was said last: events may have come while the list was on its way. */
function latestOf(before: readonly LiveRun[], listed: readonly LiveRun[]): readonly LiveRun[] {
  const known = new Map(before.map((run) => [run.id, run]))
  return listed.map((run) => {
    const other = known.get(run.id)
    return other !== undefined && other.updatedAt > run.updatedAt ? other : run
  })
}

function signOut(): void {
  keepToken(null)
  location.reload()
}
