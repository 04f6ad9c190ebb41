import { expect, it } from 'vitest'
import { leaderboardText } from '../src/leaderboard-table.ts'

const use = {
  ...{ study: 'attention-heads', precision: 0.02, confidence: 0.95, curves: 36, widest: 0.01234 },
  ...{ tokens: 4_048_128, tokens_in_all: 47_126_016 },
}

it('says under the table how many tokens barriers to a precision took, and nothing where all were taken', () => {
  expect(leaderboardText([], 'table', [], 'attention-heads', [use])).toContain(
    'attention-heads: 36 barriers to a precision of 0.02 (the widest 95 % interval is 0.0123), on 8.6 % of the tokens: ' +
      "4,048,128 of 47,126,016, summed over λ. isthmus sql 'from barrier_estimate' has each interval.\n",
  )
  expect(leaderboardText([], 'table')).not.toContain('precision')
  expect(leaderboardText([], 'csv', [], 'attention-heads', [use])).not.toContain('precision')
})
