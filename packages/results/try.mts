import { DuckDBInstance } from '@duckdb/node-api'
import { jackknifeMacro, leaderboardQuery, leaderboardGroups } from './src/lq-try.ts'
const i = await DuckDBInstance.create('/tmp/b-100k.duckdb'); const c = await i.connect()
await c.run('set threads=2'); 
for (const m of ['without_each_seed','jackknife_of','jackknife_half_width']) await c.run(`drop macro if exists ${m}`)
await c.run(jackknifeMacro)
for (let k=0;k<3;k++){ let t=performance.now(); const r = await c.runAndReadAll(leaderboardQuery(leaderboardGroups)); console.log(r.currentRowCount, performance.now()-t)}
await c.run(`create or replace temp table new_l as from (${leaderboardQuery(leaderboardGroups)})`)
let t=performance.now(); await c.run('create or replace temp table old_l as from leaderboard');console.log('old', performance.now()-t)
console.log((await c.runAndReadAll('select count(*) from (from old_l except from new_l)')).getRowsJson(), (await c.runAndReadAll('select max(abs(o.barrier-n.barrier)), max(abs(o.barrier_low-n.barrier_low)), max(abs(o.difference_high-n.difference_high)), max(abs(o.barrier_stderr-n.barrier_stderr)), count(o.barrier_low), count(n.barrier_low) from old_l o join new_l n using (study, variant, method)')).getRowsJson())
console.log((await c.runAndReadAll("explain analyze from ("+leaderboardQuery(leaderboardGroups)+")")).getRowsJson()[0][1])
