import { UserError } from '@isthmus/tensor'
import { Command } from 'commander'
import packageJson from '../package.json' with { type: 'json' }

/** Exit codes: 0 done, 1 a bug or a failed node, 2 the user's mistake. */
const [failed, mistaken] = [1, 2]

const formats = 'table, json, csv or markdown'
const collect = (value: string, earlier: readonly string[]) => [...earlier, value]

const program = new Command('isthmus')
  .description('Align, merge and compare independently trained transformers: loss barriers, exactly and cached.')
  .version(packageJson.version)
  .showHelpAfterError('(isthmus --help lists the commands)')
  .exitOverride()

program
  .command('run')
  .description('run a study and show its leaderboard, or train a family; what is cached is not computed again')
  .argument('<study>', 'a name under experiments/, or the path of a study.ts')
  .option('--set <setting=value>', 'change a setting: a value, a..b, a,b or sweep(a,b); may be repeated', collect, [])
  .option(
    '--only <pattern>',
    'compute only steps whose label contains this, or whose operation it is, and what they need; * and ? stand for any text and any character; may be repeated',
    collect,
    [],
  )
  .option('--limit <number>', 'stop when so many steps have been computed; run again to go on')
  .option(
    '--max-failures <number>',
    'stop when so many steps have failed (default: go on with what does not need them)',
  )
  .option('--jobs <number>', 'how many processes compute at once (default: the number of cores)')
  .option('--memory <size>', 'how much memory they may take together by estimate, 8GB (default: three quarters)')
  .option(
    '--executor <name>',
    'where to compute: local; bullmq, on the machines that take jobs from a queue; slurm, on a cluster',
    'local',
  )
  .option('--queue <url>', 'the queue of bullmq, redis://host:6379 (default: ISTHMUS_QUEUE)')
  .option('--priority <number>', 'of the jobs in the queue: lower ones go first')
  .option('--slurm <option>', 'an option of sbatch, as --slurm=--partition=long; may be repeated', collect, [])
  .option('--foreground', 'compute in this process, one step after the other, for a debugger')
  .option('--cache-from <folder>', 'read this cache too, a team’s, and leave it as it is; may be repeated', collect, [])
  .option('--remote <url>', 'take what a team’s server has, and give it what is computed (default: ISTHMUS_REMOTE)')
  .option('--trust <names>', 'take only what these have given the server: names of tokens, or own')
  .option('--tag <name>', 'keep what is used in the cache until `cache untag` lets it go')
  .option('--json', 'print one JSON document; progress goes to stderr')
  .action(async (study, options) => (await import('./commands/run.ts')).runCommand(study, options))

program
  .command('plan')
  .description('show what a run would compute, what is cached, and why')
  .argument('<study>', 'a name under experiments/, or the path of a study.ts')
  .option('--set <setting=value>', 'change a setting, as for run', collect, [])
  .option('--only <pattern>', 'only these steps and what they need, as for run', collect, [])
  .option('--cache-from <folder>', 'read this cache too, as for run', collect, [])
  .option('--remote <url>', 'count what a team’s server has, too (default: ISTHMUS_REMOTE)')
  .option('--trust <names>', 'only what these have given it, as for run')
  .option('--explain', 'say for every step whether it would run, and which field of its key is new')
  .option('--json', 'print one JSON document')
  .action(async (study, options) => (await import('./commands/plan.ts')).planCommand(study, options))

program
  .command('leaderboard')
  .description('compare methods by their loss barriers')
  .option('--study <study>', 'only this study')
  .option('--by <columns>', 'group by: study, variant, method, symmetry, or swept settings, separated by commas')
  .option('--format <format>', formats, 'table')
  .action(async (options) => (await import('./commands/leaderboard.ts')).leaderboardCommand(options))

program
  .command('sql')
  .description(
    'query the results: tables study_run, model, alignment, correlation, curve_point, score, training, published; views curve, barrier, leaderboard, training_curve, comparison',
  )
  .argument('<query>', 'one SELECT, in DuckDB’s SQL')
  .option('--format <format>', formats, 'table')
  .action(async (query, options) => (await import('./commands/sql.ts')).sqlCommand(query, options))

program
  .command('plot')
  .description(
    'draw a figure of a study: loss-curves, barriers, correlation-by-layer, correlation-heatmap, task-curves, data-amount, training-curves',
  )
  .argument('<figure>', 'its name')
  .requiredOption('--out <file>', 'where it goes: a file that ends in .svg or .html')
  .option('--study <study>', 'of which study (default: the only one with results)')
  .option('--pair <a,b>', 'correlation-heatmap: of which two models')
  .option('--layer <number>', 'correlation-heatmap: of which layer, from 0')
  .option('--method <method>', 'correlation-heatmap: matched by which method')
  .action(async (figure, options) => (await import('./commands/plot.ts')).plotCommand(figure, options))

program
  .command('report')
  .description('write a page of studies with their leaderboards and figures, beside what is published')
  .argument('<study...>', 'studies that have been run')
  .requiredOption('--out <folder>', 'where it goes: index.html, and each figure as an SVG file')
  .action(async (studies, options) => (await import('./commands/report.ts')).reportCommand(studies, options))

program
  .command('merge')
  .description('align models to the first, average them, and write a Hugging Face folder')
  .argument('<models...>', 'folders of the reference model A, and of B, C, … that are permuted')
  .requiredOption('--out <folder>', 'where the merged model goes')
  .option(
    '--align <books>',
    'folder of text, {genre}/{book}.txt, or images, {class}/{image}.png, on which features are matched',
  )
  .option('--method <method>', 'vanilla, ffn, head-perm, …', 'head-perm')
  .option(
    '--permutations <file...>',
    'apply alignments from files, one for each of B, C, …, instead of --align and --method',
  )
  .option(
    '--lambda <weights>',
    'weight of A, from 0 (B) to 1 (A); or one for each model, 0.5,0.25,0.25 (default: equal)',
  )
  .option('--set <setting=value>', 'change a setting of the alignment, as for run', collect, [])
  .option('--overwrite', 'replace a model that is in the folder')
  .option('--json', 'print one JSON document')
  .action(async (models, options) => (await import('./commands/merge.ts')).mergeCommand(models, options))

program
  .command('align')
  .description('choose the permutations that move B into A’s space, and write them to a file')
  .argument('<a>', 'folder of the reference model')
  .argument('<b>', 'folder of the model that is to be permuted')
  .requiredOption('--out <file>', 'where the permutations go, e.g. permutations.safetensors')
  .option(
    '--align <books>',
    'folder of text, {genre}/{book}.txt, or images, {class}/{image}.png, on which features are matched',
  )
  .option('--method <method>', 'vanilla, ffn, head-perm, …', 'head-perm')
  .option('--set <setting=value>', 'change a setting of the alignment, as for run', collect, [])
  .option('--json', 'print one JSON document')
  .action(async (a, b, options) => (await import('./commands/align.ts')).alignCommand(a, b, options))

program
  .command('apply')
  .description('move a model by permutations from a file, and write it as a Hugging Face folder')
  .argument('<permutations>', 'what align, or a merge, wrote')
  .argument('<model>', 'folder of the model that is permuted')
  .requiredOption('--out <folder>', 'where the moved model goes')
  .option('--overwrite', 'replace a model that is in the folder')
  .option('--json', 'print one JSON document')
  .action(async (file, model, options) => (await import('./commands/apply.ts')).applyCommand(file, model, options))

const models = program.command('models').description('look at checkpoints')
models
  .command('inspect')
  .description('print architecture, parameters, dtype, symmetries and digest')
  .argument('<folder>', 'a Hugging Face folder')
  .option('--json', 'print one JSON document')
  .action(async (folder, options) => (await import('./commands/models.ts')).inspectCommand(folder, options))
models
  .command('pull')
  .description('download a checkpoint from the Hugging Face hub into its cache: resumed, checked, pinned to a commit')
  .argument('<reference>', 'hf:OWNER/NAME or hf:OWNER/NAME@REVISION; HF_TOKEN and HF_HUB_OFFLINE=1 are heeded')
  .option('--out <folder>', 'copy it there')
  .option('--json', 'print one JSON document')
  .action(async (reference, options) => (await import('./commands/pull.ts')).pullCommand(reference, options))

const cache = program.command('cache').description('look after what has been computed')
cache
  .command('stats')
  .description('what the cache holds, by operation')
  .option('--json', 'print one JSON document')
  .action(async (options) => (await import('./commands/cache.ts')).statsCommand(options))
cache
  .command('verify')
  .description('find every corrupt, missing or orphaned blob')
  .option('--repair', 'set damaged blobs aside, so that they are computed again')
  .option('--json', 'print one JSON document')
  .action(async (options) => (await import('./commands/cache.ts')).verifyCommand(options))
cache
  .command('gc')
  .description('remove what is not needed, but never what has a tag; shows what would go unless --yes')
  .option('--older-than <days>', 'what no run has used or computed in so many days')
  .option('--keep-study <study>', 'what the last run of this study did not use; may be repeated', collect, [])
  .option('--max-size <bytes>', 'what was used least recently, until the rest is so large: 500MB, 20GB')
  .option('--yes', 'remove it')
  .option('--json', 'print one JSON document')
  .action(async (options) => (await import('./commands/cache.ts')).gcCommand(options))

cache
  .command('untag')
  .description('let what a tag keeps go with the next gc')
  .argument('<tag>', 'as in run --tag')
  .action(async (tag) => (await import('./commands/cache.ts')).untagCommand(tag))

program
  .command('serve')
  .description('serve the results, a shared cache and a page of them to a team, until told to stop')
  .option('--host <address>', 'of the interface; other than this machine’s own only once there is a token', '127.0.0.1')
  .option('--port <number>', 'of its address', '7007')
  .option('--blobs <bucket>', 'keep blobs in a bucket of S3, s3://BUCKET/PREFIX, instead of the home folder’s cache')
  .option('--no-direct-blobs', 'let blobs of a bucket go through the server, not straight between bucket and machines')
  .option('--log-level <level>', 'debug has every request, info refusals, warn and error less', 'info')
  .action(async (options) => (await import('./commands/serve.ts')).serveCommand(options))

const token = program.command('token').description('who may use the server of this home folder')
token
  .command('create')
  .description('make a token, and print it: ISTHMUS_TOKEN on other machines')
  .argument('<name>', 'whose it is')
  .option('--role <role>', 'read, write or admin', 'write')
  .action(async (name, options) => (await import('./commands/token.ts')).createCommand(name, options))
token
  .command('list')
  .description('all tokens, by their names, with the day on which each was last used')
  .option('--json', 'print one JSON document')
  .action(async (options) => (await import('./commands/token.ts')).listCommand(options))
token
  .command('revoke')
  .description('make a token worth nothing, at once')
  .argument('<name>', 'whose it is')
  .action(async (name) => (await import('./commands/token.ts')).revokeCommand(name))

program
  .command('backup')
  .description('copy the home folder, results, cache and tokens, also while it is served')
  .argument('<folder>', 'a new one')
  .action(async (folder) => (await import('./commands/backup.ts')).backupCommand(folder))
program
  .command('restore')
  .description('make the home folder of a backup')
  .argument('<backup>', 'the folder of it')
  .action(async (backup) => (await import('./commands/backup.ts')).restoreCommand(backup))

program
  .command('worker')
  .description('compute on this machine what runs with --executor bullmq put into a queue, until told to stop')
  .option('--queue <url>', 'redis://host:6379 (default: ISTHMUS_QUEUE)')
  .option('--remote <url>', 'the server where results go (default: ISTHMUS_REMOTE)')
  .option('--jobs <number>', 'how many processes compute at once (default: the number of cores)')
  .option('--memory <size>', 'how much memory they may take together by estimate, 8GB (default: three quarters)')
  .option('--classes <names>', 'which jobs: cpu, large-memory, separated by commas (default: all)')
  .action(async (options) => (await import('./commands/worker.ts')).workerCommand(options))

program
  .command('job', { hidden: true })
  .description('do the job that a file describes: what a task of an array job of Slurm runs')
  .argument('<file>', 'that run --executor slurm wrote')
  .action(async (file) => (await import('./commands/job.ts')).jobCommand(file))

const queue = program.command('queue').description('look after a queue')
queue
  .command('status')
  .description('how many jobs wait and run, and how many workers there are')
  .option('--queue <url>', 'redis://host:6379 (default: ISTHMUS_QUEUE)')
  .option('--json', 'print one JSON document')
  .action(async (options) => (await import('./commands/queue.ts')).statusCommand(options))
queue
  .command('drain')
  .description('remove the jobs that wait')
  .option('--queue <url>', 'redis://host:6379 (default: ISTHMUS_QUEUE)')
  .option('--classes <names>', 'only of these classes')
  .action(async (options) => (await import('./commands/queue.ts')).drainCommand(options))

program
  .command('export')
  .description('write results for other tools: a folder of MLflow’s file store, or every table as Parquet or CSV')
  .requiredOption('--format <format>', 'mlflow, parquet or csv')
  .requiredOption('--out <folder>', 'where it goes; an earlier export there is replaced')
  .option('--study <study>', 'only this study')
  .action(async (options) => (await import('./commands/export.ts')).exportCommand(options))

program
  .command('sync')
  .description('send a team’s server what runs could not give it while it was away')
  .option('--remote <url>', 'its address (default: ISTHMUS_REMOTE)')
  .option('--json', 'print one JSON document')
  .action(async (options) => (await import('./commands/sync.ts')).syncCommand(options))

program
  .command('doctor')
  .description('what this machine has: engines, providers, memory, disk, cache')
  .option('--json', 'print one JSON document')
  .action(async (options) => (await import('./commands/doctor.ts')).doctorCommand(options))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportError(error)
}

/** Say what went wrong; returns the exit code. A mistake of the user is one sentence, a bug has its stack. */
function reportError(error: unknown): number {
  const { code, exitCode } = error as { code?: unknown; exitCode?: number }
  if (typeof code === 'string' && code.startsWith('commander.')) return exitCode === 0 ? 0 : mistaken
  if (error instanceof UserError) {
    process.stderr.write(`isthmus: ${error.message}\n`)
    return mistaken
  }
  process.stderr.write(`isthmus: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return failed
}
