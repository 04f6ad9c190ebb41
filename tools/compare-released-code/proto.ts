import { correlateFeatures, crossCorrelation, featureRows, meanDiagonal } from '@isthmus/activations'
import { align, alignmentMethod, methodFeatureSets } from '@isthmus/alignment'
import { openSafetensors, Checkpoint } from '@isthmus/checkpoint'
import { paddedBatches, blockBatches } from '@isthmus/corpus'
import { onnxEngine } from '@isthmus/engine-onnx'
import { maskedLanguageModelLoss } from '@isthmus/evaluation'
import { applyAlignment, interpolate, readWeights } from '@isthmus/merging'
import { graphOf, symmetries } from '@isthmus/model'
import { permutation } from '@isthmus/tensor'
import { readFileSync } from 'node:fs'
const json = JSON.parse(readFileSync('fixtures/released-code.json','utf8'))
const models='../../datasets/models/'
const A = await Checkpoint.open(models+'seed-1'), B = await Checkpoint.open(models+'seed-2')
const graph = graphOf(A.config,'x')
const evalGraph = graphOf(A.config,'x',{padding:false})
const engine = await onnxEngine.create({executionProvider:'cpu'})
let t=Date.now(); const tick=(s:string)=>{console.log(s,Date.now()-t);t=Date.now()}
const tok = await openSafetensors('fixtures/align-tokens.safetensors')
const ids=(await tok.readInt32('ids')).data, lengths=(await tok.readInt32('lengths')).data
const seqs:Int32Array[]=[]; let o=0; for(const n of lengths){seqs.push(ids.subarray(o,o+n));o+=n}
console.log(o, ids.length, Math.max(...lengths))
const method = alignmentMethod('head-perm')
const sets = methodFeatureSets(method, graph)
const taps = graph.taps.filter(t=>sets.some(s=>s.taps.includes(t.name)))
const program = await engine.compile(graph,{outputs:taps.map(t=>t.name)})
const wa = await readWeights(n=>A.read(n), program.parameters), wb=await readWeights(n=>B.read(n), program.parameters)
const batches=[...paddedBatches(seqs,{tokensPerBatch:2048})]
const m = await correlateFeatures(engine, featureRows(program,wa,batches,taps), featureRows(program,wb,batches,taps), sets)
tick('corr')
const C = new Map([...m].map(([k,v])=>[k,crossCorrelation(v)]))
const sy = symmetries(graph)
const perms = await openSafetensors('fixtures/permutations.safetensors')
const pairs:[string,string|null][]=[['vanilla','vanilla'],['ffn','ff_only'],['monotonic','ff+attn/monotonic'],['ignore-heads','ff+attn/ignore_heads'],['head-perm','ff+attn/head_perm']] as never
const eb = await openSafetensors('fixtures/eval-batches.safetensors')
const masked={inputIds: await eb.readInt32('input_ids'), labels: await eb.readInt32('labels')}
console.log([...(await eb.readInt32('batch_sizes')).data])
const ev = await engine.compile(evalGraph,{outputs:['negativeLogLikelihood']})
const eBatches=[...blockBatches(masked,8)]
async function loss(w:any){ let s=0; let nn=0,ss=0; for(const b of eBatches){const l=await maskedLanguageModelLoss(ev,w,[b]); s+=l.loss*b.inputIds.shape[0]!;nn+=l.positions; ss+=l.loss*l.positions} return [s/123, ss/nn]}
for (const [ours,theirs] of pairs as [string,string][]) {
  const al = align(alignmentMethod(ours),{graph,symmetries:sy,correlation:n=>C.get(n)!})
  const rel=new Map()
  for (const name of perms.tensors.keys()) { const [c,site]=name.split('|'); if(c!==theirs) continue
    const p = permutation((await perms.readInt32(name)).data)
    const mm=/layer\.(\d)\.(attention\.)?output\.dense:in/.exec(site!); if(!mm){continue}
    const tap=(mm[2]?'attention.':'ffn.')+mm[1]
    const our=al.get(tap)!; let diff=0; for(let i=0;i<p.length;i++) if(p[i]!==our[i]) diff++
    const c2=C.get(tap)!; const d=c2.rows
    const conf=json.configs[theirs]
    console.log(theirs,tap,'diff',diff,'before',meanDiagonal(c2.matrix,d,null)-conf.diag_before[site!],'after',meanDiagonal(c2.matrix,d,our)-conf.diag_after[site!],'theirs under ours', (meanDiagonal(c2.matrix,d,our)-meanDiagonal(c2.matrix,d,p)))
    rel.set(tap,p); if(mm[2]) rel.set('queryKey.'+mm[1],p)
  }
  for (const [label,x] of [['ours',al],['theirs',rel]] as const) {
    const out=[]
    for (const [k,l] of [0,.25,.5,.75,1].entries()) { const w=await interpolate(n=>A.read(n), applyAlignment(n=>B.read(n),sy,x as never), l, ev.parameters); const [v,u]=await loss(w); out.push([(v!-json.eval[theirs].clean.loss[k]).toExponential(2),(u!-json.eval[theirs].clean.loss[k]).toExponential(2)].join('/')) }
    console.log(theirs,label,out.join(' ')); 
  }
  tick(ours)
}
