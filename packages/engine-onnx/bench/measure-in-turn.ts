/** Run rivals in turn and take each one's fastest time: what the machine can do when nothing disturbs it.
 *
 *  @returns Seconds of processor time of this process, one a rival.
 */
export async function measureInTurn(rivals: readonly (() => Promise<unknown>)[], rounds: number): Promise<number[]> {
  const fastest = rivals.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round <= rounds; round++) {
    for (const [index, rival] of rivals.entries()) {
      const start = process.cpuUsage()
      await rival()
      const { user, system } = process.cpuUsage(start)
      if (round > 0) fastest[index] = Math.min(fastest[index]!, (user + system) / 1e6)
    }
  }
  return fastest
}
