import type { Note, Tag } from '@isthmus/results'
import { useState } from 'preact/hooks'
import { hrefOf } from './address.ts'
import { formatTime } from './format.ts'
import { Failure } from './parts.tsx'
import { ask } from './server.ts'
import { mayWrite, useSession } from './session.ts'
import { useWritten } from './use-query.ts'

/** Notes and tags of people.
 *
 *  @param subject What they are on.
 */
export function Annotations({ subject }: { subject: string }) {
  const session = useSession()
  const [error, setError] = useState<string | null>(null)
  const on = `subject=${encodeURIComponent(subject)}`
  const notes = useWritten<Note>(`notes?${on}`)
  const tags = useWritten<Tag>(`tags?${on}`)
  /** @returns Whether the server took it. */
  const send = async (method: string, path: string, body?: object): Promise<boolean> => {
    try {
      await ask(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      setError(null)
      session.refresh()
      return true
    } catch (failure) {
      setError((failure as Error).message)
      return false
    }
  }
  const mayRemove = (author: string) =>
    mayWrite(session) && (author === session.who.name || session.who.role === 'admin')
  return (
    <section>
      <h2>Notes and tags</h2>
      <ul class="tags" aria-label="Tags">
        {(tags.rows ?? []).map(({ tag }) => (
          <li key={tag}>
            <a href={hrefOf('results', { tag })}>{tag}</a>
            {mayWrite(session) && (
              <button
                type="button"
                class="plain"
                aria-label={`Remove the tag ${tag}`}
                onClick={() => send('POST', 'tags/remove', { subject, tag })}
              >
                ×
              </button>
            )}
          </li>
        ))}
      </ul>
      {(notes.rows ?? []).map(({ id, text, by, at }) => (
        <article key={id}>
          <p class="text">{text}</p>
          <p class="quiet">
            {by}, {formatTime(at)}{' '}
            {mayRemove(by) && (
              <button type="button" class="plain" onClick={() => send('DELETE', `notes/${id}`)}>
                Remove
              </button>
            )}
          </p>
        </article>
      ))}
      {mayWrite(session) ? (
        <>
          <Entry label="New tag" button="Tag" onEnter={(tag) => send('PUT', 'tags', { subject, tag })} />
          <Entry label="New note" button="Write" isLong onEnter={(text) => send('POST', 'notes', { subject, text })} />
        </>
      ) : (
        <p class="quiet">To write here takes a token with the role write.</p>
      )}
      <Failure message={error} />
      <Failure message={notes.error} />
      <Failure message={tags.error} />
    </section>
  )
}

function Entry(props: { label: string; button: string; isLong?: true; onEnter: (text: string) => Promise<boolean> }) {
  const { label, button, isLong, onEnter } = props
  const [text, setText] = useState('')
  const [isSending, setSending] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    if (text.trim() === '' || isSending) return
    setSending(true)
    if (await onEnter(text.trim())) setText('')
    setSending(false)
  }
  const typed = (event: { currentTarget: { value: string } }) => setText(event.currentTarget.value)
  return (
    <form class="entry" onSubmit={submit}>
      {isLong ? (
        <textarea aria-label={label} placeholder={label} rows={2} value={text} onInput={typed} />
      ) : (
        <input aria-label={label} placeholder={label} value={text} onInput={typed} />
      )}
      <button type="submit">{button}</button>
    </form>
  )
}
