import { Command } from 'commander'

const program = new Command('crash-safety').description('Disturb runs of a small study, and check what they leave.')

program
  .command('kill', { isDefault: true })
  .description('kill runs, or fill their disk, at random moments; run again each time, and compare the results')
  .option('--kills <number>', 'how many times', '10')
  .option('--seed <number>', 'of the random moments', '1')
  .option('--side-by-side <number>', 'how many homes are disturbed side by side', '1')
  .action(async (options) => (await import('./kill-command.ts')).killCommand(options))

program
  .command('at-once')
  .description('run the study in several processes at once on one cache: nothing is computed twice, results agree')
  .option('--processes <number>', 'how many', '2')
  .option('--kill', 'kill one half-way, with its workers; the others take over')
  .action(async (options) => (await import('./at-once-command.ts')).atOnceCommand(options))

program
  .command('ends')
  .description('end a run in every way, in the midst of a job: no process is left, no zombie')
  .action(async () => (await import('./ends-command.ts')).endsCommand())

program
  .command('long-run')
  .description('watch memory and open files of all processes over many jobs: neither grows')
  .option('--jobs <number>', 'how many at least', '1000')
  .option('--every <number>', 'after how many jobs a sample is taken', '50')
  .action(async (options) => (await import('./long-run-command.ts')).longRunCommand(options))

await program.parseAsync()
