import type { LiveRun } from '@isthmus/remote'
import { formatDuration } from './format.ts'

/** How far a run is. */
export function ProgressBar({ run }: { run: LiveRun }) {
  const { total, ran, cached, failed, secondsLeft, state, study } = run
  const done = ran + cached + failed
  const left = state !== 'running' ? state : secondsLeft === null ? '' : `${formatDuration(secondsLeft)} left`
  return (
    <span class="progress">
      <progress max={Math.max(total, 1)} value={done} aria-label={`Progress of ${study}`} />
      <span>
        {done} / {total}
        {left !== '' && ` · ${left}`}
        {failed > 0 && <span class="warn"> {failed} failed</span>}
      </span>
    </span>
  )
}
