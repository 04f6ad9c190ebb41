export { type BackupOptions, backupHome, type Copied, restoreHome } from './backup.ts'
export { LabServer, type LabServerOptions } from './lab-server.ts'
export { type RunningServer, type StartServerOptions, startServer } from './start-server.ts'
export { createToken, listTokens, revokeToken, type Token, tokensPath } from './tokens.ts'
