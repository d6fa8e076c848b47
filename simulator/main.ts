import { run } from "./run.ts";
const seeds = Number(process.argv[2] ?? 10);
const from = Number(process.argv[3] ?? 1);
const t0 = performance.now();
let broken=0, steps=0, virt=0;
const kinds=new Map<string,number[]>();
for (let s=from;s<from+seeds;s++){ const r=await run({seed:s, traced: process.argv[4]==="t"}); steps+=r.steps; virt+=r.virtualMs; if(r.broken){broken++; const k=r.broken.invariant; kinds.set(k,[...(kinds.get(k)??[]),s]); if(broken<8) console.log(s, r.broken.invariant, r.broken.what); if(process.argv[4]==="t") console.log(r.trace.join("\n")); } }
console.log(seeds, broken, steps/seeds, virt/seeds/1000, (performance.now()-t0)/seeds);
for (const [k,v] of kinds) console.log(k, v.length, v.slice(0,10).join());
