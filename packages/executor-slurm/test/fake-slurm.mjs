/** A fake of sbatch, squeue, sacct and scancel, for tests: it knows the options that the executor uses and no others,
 *  and runs the tasks of an array on this machine, four at once. It is no Slurm: nothing here says that a real one
 *  behaves alike, but for what its manual pages say.
 *
 *  State lies in the folder FAKE_SLURM: `task-<job>_<task>.json`, one for each task. `fate.json` there is a list of
 *  states that the next tasks end in, at once and without being run; its first element is taken by the next task.
 *  With the file `no-accounting` there, sacct fails.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const killWaitMilliseconds = 300
const tasksAtOnce = 4
const folder = process.env.FAKE_SLURM
const [, , program, ...words] = process.argv
const finished = ['COMPLETED', 'FAILED', 'CANCELLED', 'OUT_OF_MEMORY', 'TIMEOUT', 'NODE_FAIL', 'PREEMPTED']

const option = (name) => words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3)
const taskPath = (id) => join(folder, `task-${id}.json`)
const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
const tasks = () =>
  readdirSync(folder)
    .filter((name) => /^task-.*\.json$/.test(name))
    .map((name) => read(join(folder, name)))

function write(path, content) {
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(content))
  renameSync(`${path}.${process.pid}`, path)
}

function update(id, fields) {
  write(taskPath(id), { ...read(taskPath(id)), ...fields })
}

function sbatch() {
  if (words.includes('--version')) return console.log('slurm-wlm 22.05.8 (a fake for tests)')
  if (!words.includes('--no-requeue')) throw new Error('sbatch: the fake knows only --no-requeue')
  const last = Number(option('array').split('-')[1])
  if (last >= 1001) throw new Error('sbatch: error: Batch job submission failed: Invalid job array specification')
  const job = String(Math.max(100, ...tasks().map(({ job }) => Number(job))) + 1)
  const script = words.at(-1)
  for (let task = 0; task <= last; task++) {
    const id = `${job}_${task}`
    const log = option('output').replace('%a', String(task))
    write(taskPath(id), {
      id,
      job,
      task,
      name: option('job-name'),
      memory: option('mem'),
      script,
      log,
      state: 'PENDING',
    })
  }
  spawn(process.execPath, [process.argv[1], 'controller', job], { detached: true, stdio: 'ignore' }).unref()
  console.log(words.includes('--parsable') ? job : `Submitted batch job ${job}`)
}

function squeue() {
  for (const { id, name, state } of tasks()) {
    if (name === option('name') && !finished.includes(state)) console.log(`${id}|${state}`)
  }
}

function sacct() {
  if (existsSync(join(folder, 'no-accounting'))) throw new Error('Slurm accounting storage is disabled')
  const wanted = option('jobs').split(',')
  for (const { id, state } of tasks()) {
    if (wanted.includes(id)) console.log(`${id}|${state === 'CANCELLED' ? 'CANCELLED by 1000' : state}`)
  }
}

async function scancel() {
  for (const id of words.filter((word) => !word.startsWith('--'))) {
    const { state, pid } = read(taskPath(id))
    if (finished.includes(state)) continue
    update(id, { state: 'CANCELLED' })
    if (pid === undefined) continue
    signal(pid, 'SIGTERM')
    await sleep(killWaitMilliseconds)
    signal(pid, 'SIGKILL')
  }
}

function signal(pid, name) {
  try {
    process.kill(-pid, name)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** What slurmctld and slurmd do for one array. */
async function controller() {
  const waiting = tasks()
    .filter(({ job }) => job === words[0])
    .sort((a, b) => a.task - b.task)
  const lane = async () => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await runTask(task)
  }
  await Promise.all(Array.from({ length: tasksAtOnce }, lane))
}

async function runTask({ id, task, script, log }) {
  if (read(taskPath(id)).state === 'CANCELLED') return
  const fate = nextFate()
  if (fate !== undefined) {
    update(id, { state: fate })
    return
  }
  const output = openSync(log, 'a')
  const env = { ...process.env, SLURM_ARRAY_TASK_ID: String(task) }
  const child = spawn('/bin/sh', [script], { env, detached: true, stdio: ['ignore', output, output] })
  update(id, { state: 'RUNNING', pid: child.pid })
  const code = await new Promise((resolve) => child.on('exit', resolve))
  if (read(taskPath(id)).state !== 'CANCELLED') update(id, { state: code === 0 ? 'COMPLETED' : 'FAILED' })
}

function nextFate() {
  const path = join(folder, 'fate.json')
  if (!existsSync(path)) return undefined
  const [fate, ...others] = read(path)
  write(path, others)
  return fate
}

mkdirSync(folder, { recursive: true })
try {
  await { sbatch, squeue, sacct, scancel, controller }[program]()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
