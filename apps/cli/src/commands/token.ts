import { roleSchema, roles } from '@isthmus/remote'
import { createToken, listTokens, revokeToken } from '@isthmus/server'
import { UserError } from '@isthmus/tensor'
import { formatRows } from '../format-rows.ts'
import { isthmusHome } from '../home.ts'

/** `isthmus token create`. */
export function createCommand(name: string, options: { readonly role: string }): void {
  const role = roleSchema.safeParse(options.role)
  if (!role.success) throw new UserError(`--role ${options.role} is not known: give ${roles.join(', ')}`)
  const token = createToken(isthmusHome().directory, name, role.data)
  process.stdout.write(`${token}\n`)
  process.stderr.write(`'${name}' may ${role.data}; only its hash is kept, so that it cannot be shown again\n`)
}

/** `isthmus token list`. */
export function listCommand(options: { readonly json?: boolean }): void {
  const tokens = listTokens(isthmusHome().directory).map(({ hash: _hash, ...token }) => token)
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(tokens, null, 2)}\n`)
    return
  }
  const columns = ['name', 'role', 'created', 'last used', 'revoked']
  const rows = tokens.map(({ name, role, createdAt, lastUsedOn, revokedAt }) => [
    name,
    role,
    createdAt,
    lastUsedOn,
    revokedAt,
  ])
  process.stdout.write(formatRows({ columns, rows }, 'table'))
}

/** `isthmus token revoke`. */
export function revokeCommand(name: string): void {
  revokeToken(isthmusHome().directory, name)
  process.stdout.write(`'${name}' is worth nothing from now on\n`)
}
