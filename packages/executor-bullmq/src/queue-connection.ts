import { UserError } from '@isthmus/tensor'
import { Redis } from 'ioredis'

/** Where a queue is. */
export interface QueueAddress {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly queue: string
  /** What the keys in Redis begin with, so that several labs may share one. Default `isthmus`. */
  readonly prefix?: string
}

/** A message to those who have to do with a job: stop running it, or stop waiting for it. */
export interface JobNotice {
  readonly type: 'cancel' | 'drained'
  readonly key: string
}

const maximumRetryMilliseconds = 2000

/** A queue's server, and the names that are used in it. */
export interface QueueConnection {
  readonly redis: Redis
  readonly prefix: string
  /** Without user and password. */
  readonly name: string
  notify(notices: readonly JobNotice[]): Promise<void>
  /** Call a function for each notice from now on. What is sent while the server is away is not received. */
  listen(receive: (notice: JobNotice) => void): Promise<void>
  close(): void
}

/** Connect to the server of a queue. A connection that is lost later is made again, for as long as it takes.
 *
 *  @param onError Told of each failure to connect again.
 *  @throws {UserError} when the address is none of Redis, or nothing answers there.
 */
export async function connectQueue(
  { queue, prefix = 'isthmus' }: QueueAddress,
  onError: (error: Error) => void,
): Promise<QueueConnection> {
  const name = queueName(queue)
  const redis = new Redis(queue, {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), maximumRetryMilliseconds),
  })
  await firstConnection(redis, name)
  const connections = [redis]
  redis.on('error', onError)
  const channel = `${prefix}:notices`
  return {
    redis,
    prefix,
    name,
    notify: async (notices) => {
      await Promise.all(notices.map((notice) => redis.publish(channel, JSON.stringify(notice))))
    },
    listen: async (receive) => {
      const subscriber = redis.duplicate()
      connections.push(subscriber)
      subscriber.on('error', onError)
      subscriber.on('message', (_channel, message) => receive(JSON.parse(message) as JobNotice))
      await subscriber.subscribe(channel)
    },
    close: () => {
      for (const connection of connections) connection.disconnect()
    },
  }
}

/** The address of a queue without user and password, for people.
 *
 *  @throws {UserError} when it is none of Redis.
 */
export function queueName(queue: string): string {
  const url = URL.canParse(queue) ? new URL(queue) : undefined
  if (url !== undefined && ['redis:', 'rediss:'].includes(url.protocol) && url.hostname !== '') {
    return `${url.protocol}//${url.host}${url.pathname}`
  }
  throw new UserError(
    `The queue '${queue}' is not the address of a Redis server: name one such as redis://lab:6379 (rediss:// for TLS).`,
  )
}

async function firstConnection(redis: Redis, name: string): Promise<void> {
  let reason: Error | undefined
  const note = (error: Error) => {
    reason = error
  }
  redis.on('error', note)
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    redis.disconnect()
    const cause = reason ?? (error as Error)
    throw new UserError(
      `The queue ${name} cannot be reached (${describe(cause)}): start Redis there, or name the server that has it.`,
      { cause },
    )
  } finally {
    redis.off('error', note)
  }
}

function describe(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message
}
