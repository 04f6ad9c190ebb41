import { DuckDBInstance } from '@duckdb/node-api'
const cfg={access_mode:'READ_ONLY', memory_limit:'300MB', max_temp_directory_size:'0KB'}
const i=await DuckDBInstance.fromCache('/tmp/exp/r.duckdb',cfg); const c=await i.connect()
for (const at of [50000,2000000, 9000000]) for (const m of ['stream','limit']) {
  const t=performance.now()
  const q=`select case when range=${at} then error('boom') else range::varchar end x from range(10000000)`
  const st=await (await c.extractStatements(m==='stream'?q:`from (${q}\n) limit 100001`)).prepare(0)
  let n=0
  try {
  const r=m==='stream'?await st.stream():await st.run()
  for(;;){ const ch=await r.fetchChunk(); if(!ch) { console.log('null'); break}; if(ch.rowCount===0){console.log('zero');break} n+=ch.rowCount }
  console.log(m,at,'n',n) } catch(e){console.log(m,at,'threw',String(e),n)}
  console.log(performance.now()-t)
}
for (const q of ['show tables','describe model','summarize model','pragma version','select 1 a, 2 a','with a as (select 1) select * from a -- hi','from curve order by loss desc','values (1)','select lam, lam from curve order by 1','table model','select a.range, b.range from range(1000000000) a, range(1000) b','select a.range, b.range from range(1000000000) a, range(1000) b order by a.range % 17', 'select random() from range(1000000000)', `pivot curve on method in ('ffn') using avg(loss)`]) { const t=performance.now();
try { const r=await c.run(`from (${q}\n) limit 100001`); console.log(q, r.columnNames(), r.rowCount) } catch(e){console.log(q,'threw',String(e))}; console.log(performance.now()-t,process.resourceUsage().maxRSS/1e3) }
c.closeSync(); i.closeSync()
