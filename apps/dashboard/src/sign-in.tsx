import { useState } from 'preact/hooks'
import { Failure } from './parts.tsx'
import { keepToken } from './server.ts'

/** Asks for a token.
 *
 *  @param message Why the last one was not taken.
 *  @param onToken Called when there is one to be tried.
 */
export function SignIn({ message, onToken }: { message: string | null; onToken: () => void }) {
  const [token, setToken] = useState('')
  const submit = (event: Event) => {
    event.preventDefault()
    keepToken(token.trim())
    onToken()
  }
  return (
    <main class="alone">
      <h1>Isthmus</h1>
      <form onSubmit={submit}>
        <label>
          Token
          <input
            type="password"
            autocomplete="current-password"
            required
            pattern="\s*[!-~]+\s*"
            title="A token: letters, digits and signs without spaces"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Sign in</button>
      </form>
      <Failure message={message} />
      <p class="quiet">
        An administrator of the server makes one: <code>isthmus token create NAME --role read</code>. It is kept in this
        browser until you sign out.
      </p>
    </main>
  )
}
