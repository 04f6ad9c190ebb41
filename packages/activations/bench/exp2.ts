import { SideMoments } from '../src/side-moments.ts'

for (const width of [512, 128])
  for (const copies of [1, 16]) {
    const rows = 1024
    const datas = Array.from({ length: copies }, () =>
      Float32Array.from({ length: rows * width }, () => Math.random() - 0.3),
    )
    const out = new Float32Array(rows * width)
    const m = new SideMoments(width)
    let best = 1e9
    for (let r = 0; r < 40; r++) {
      const s = process.cpuUsage()
      for (const d of datas) m.add(d, out)
      const u = process.cpuUsage(s)
      best = Math.min(best, (u.user + u.system) / copies)
    }
    console.log(width, copies, ((best * 1000) / (rows * width)).toFixed(2), 'ns/elem')
  }
