// Preloaded into every process of a run: a worker appends to the file that ISTHMUS_JOB_LOG names a line when a job begins
// and one when it has ended, `begin|end <key> <worker> <parent>`. Appending keeps the order in which things happened.
import { appendFileSync } from 'node:fs'

const path = process.env.ISTHMUS_JOB_LOG

if (path !== undefined && process.send !== undefined) {
  let key
  const log = (what) => appendFileSync(path, `${what} ${key} ${process.pid} ${process.ppid}\n`)
  const { emit, send } = process
  // To listen for messages would be to take those that come before the worker listens.
  process.emit = function (event, message, ...rest) {
    if (event === 'message' && message.type === 'run') {
      key = message.job.key
      log('begin')
    }
    return emit.call(this, event, message, ...rest)
  }
  process.send = function (message, ...rest) {
    if (message.type === 'result') log('end')
    return send.call(this, message, ...rest)
  }
}
