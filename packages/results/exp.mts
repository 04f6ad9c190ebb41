import { DuckDBInstance } from '@duckdb/node-api'
const cfg={access_mode:'READ_ONLY', memory_limit:'300MB', max_temp_directory_size:'0KB'}
for (const mode of ['interrupt+drain','finish','nested']) {
  let t=performance.now()
  const i=await DuckDBInstance.fromCache('/tmp/exp/r.duckdb',cfg); const c=await i.connect()
  console.log(mode,'open',performance.now()-t); t=performance.now()
  const ex=await c.extractStatements('select a.range, b.range from range(1000000000) a, range(1000) b'); const st=await ex.prepare(0)
  const r=await st.stream(); let n=0
  for(;;){ const ch=await r.fetchChunk(); if(!ch) break; n+=ch.rowCount; if(n>1e5) break }
  console.log('fetched',n,performance.now()-t, process.resourceUsage().maxRSS/1e3)
  if (mode==='interrupt+drain'){ c.interrupt(); try { for(;;){const ch=await r.fetchChunk(); if(!ch||!ch.rowCount) break; n+=ch.rowCount} console.log('drained',n)} catch(e){console.log('drain',String(e),n)} }
  if (mode==='finish'){ try { await c.run('select 1') } catch(e){console.log(String(e))} }
  if (mode==='nested'){ st.destroySync(); }
  t=performance.now(); c.closeSync(); console.log('cclose',performance.now()-t); i.closeSync(); console.log('iclose',performance.now()-t)
}
let t=performance.now()
const i=await DuckDBInstance.fromCache('/tmp/exp/r.duckdb',cfg); console.log('open',performance.now()-t)
