import { openSafetensors, Checkpoint } from '@isthmus/checkpoint'
import { blockBatches } from '@isthmus/corpus'
import { onnxEngine } from '@isthmus/engine-onnx'
import { maskedLanguageModelLoss } from '@isthmus/evaluation'
import { applyAlignment, interpolate } from '@isthmus/merging'
import { graphOf, symmetries } from '@isthmus/model'
import { permutation } from '@isthmus/tensor'
import { readFileSync } from 'node:fs'
const json = JSON.parse(readFileSync('fixtures/released-code.json','utf8'))
const models='../../datasets/models/'
const A = await Checkpoint.open(models+'seed-1'), B = await Checkpoint.open(models+'seed-2')
const evalGraph = graphOf(A.config,'x',{padding:false})
const engine = await onnxEngine.create({executionProvider:'cpu'})
const sy = symmetries(evalGraph)
const perms = await openSafetensors('fixtures/permutations.safetensors')
const eb = await openSafetensors('fixtures/eval-batches.safetensors')
const masked={inputIds: await eb.readInt32('input_ids'), labels: await eb.readInt32('labels')}
const ev = await engine.compile(evalGraph,{outputs:['negativeLogLikelihood']})
const eBatches=[...blockBatches(masked,8)]
async function loss(w:any){ let s=0; for(const b of eBatches){const l=await maskedLanguageModelLoss(ev,w,[b]); s+=l.loss*b.inputIds.shape[0]!;} return s/123}
const theirs='ff+attn/head_perm'
const rel=new Map()
for (const name of perms.tensors.keys()) { const [c,site]=name.split('|'); if(c!==theirs) continue
  const p = permutation((await perms.readInt32(name)).data)
  const mm=/layer\.(\d)\.(attention\.)?output\.dense:in/.exec(site!); if(!mm){continue}
  const tap=(mm[2]?'attention.':'ffn.')+mm[1]
  rel.set(tap,p); if(mm[2]) rel.set('queryKey.'+mm[1],p)
}
const s=0.999995
const isQKV=(n:string)=>/attention\.self\./.test(n), isO=(n:string)=>/attention\.output\.dense\.weight/.test(n), isF1=(n:string)=>/intermediate/.test(n), isF2=(n:string)=>/layer\.\d\.output\.dense\.weight/.test(n)
const isQK=(n:string)=>/self\.(query|key)/.test(n)
const hyp:Record<string,[(n:string)=>number,(n:string)=>number]>={
 none:[()=>1,()=>1],
 bothQKVs:[n=>isQKV(n)?s:1,n=>isQKV(n)?s:1],
 bothQKs:[n=>isQK(n)?s:1,n=>isQK(n)?s:1],
 BQKVs:[()=>1,n=>isQKV(n)?s:1],
 bothQKVO:[n=>isQKV(n)||isO(n)?s:1,n=>isQKV(n)||isO(n)?s:1],
 bothAll:[n=>isQKV(n)||isO(n)||isF1(n)||isF2(n)?s:1,n=>isQKV(n)||isO(n)||isF1(n)||isF2(n)?s:1],
 BAll:[()=>1,n=>isQKV(n)||isO(n)||isF1(n)||isF2(n)?s:1],
 merge:[n=>isQKV(n)||isF1(n)?s:isO(n)||isF2(n)?1/s:1,n=>isQKV(n)||isF1(n)?s:isO(n)||isF2(n)?1/s:1],
 Bmerge:[()=>1,n=>isQKV(n)||isF1(n)?s:isO(n)||isF2(n)?1/s:1],
 AmergeQKV:[n=>isQKV(n)?s:1,()=>1],
}
for(const [h,[fa,fb]] of Object.entries(hyp)){
 const sc=(r:any,f:any)=>async(n:string)=>{const t=await r(n); const k=f(n); if(k!==1) for(let i=0;i<t.data.length;i++) t.data[i]=Math.fround(t.data[i]*Math.fround(k)); return t}
 const out=[]
 for(const l of [0,.25,.5,.75,1]){ const w=await interpolate(sc((n:string)=>A.read(n),fa),sc(applyAlignment(n=>B.read(n),sy,rel),fb),l,ev.parameters); out.push((await loss(w)-json.eval[theirs].clean.loss[[0,.25,.5,.75,1].indexOf(l)]).toExponential(2)) }
 console.log(h.padEnd(12),out.join('  '))
}
