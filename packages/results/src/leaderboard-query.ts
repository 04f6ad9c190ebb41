/** A column that the leaderboard groups by: its name, and the SQL over the view `barrier` that gives it. */
export interface GroupColumn {
  readonly name: string
  readonly expression: string
}

/** What the view `leaderboard` groups by. */
export const leaderboardGroups: readonly GroupColumn[] = ['study', 'variant', 'method'].map((name) => ({
  name,
  expression: name,
}))

/** Write the query behind the view `leaderboard`, over any grouping of the view `barrier`.
 *
 *      θ̂ = mean of the pairs' values,  θ_(s) = mean of the values of the pairs that do not contain seed s
 *      se² = (G − 1)/G · Σ_s (θ_(s) − θ_(·))²,  θ_(·) = mean of θ_(s)
 *      interval = θ̂ ± t_{0.975, G−1} · se
 *
 *  Pairs that share a seed are not independent, so the standard error over pairs, sd/√n, is too small and its interval
 *  too narrow; deleting one seed at a time deletes all of its pairs with it. G counts the seeds without which at least
 *  one pair remains; under three of them there is no interval. The difference to vanilla goes through the same, pair
 *  by pair. Sums run in a fixed order, so that the order in which rows were ingested changes no bit of the result.
 *
 *  @param groups At least one column; where they do not tell variants apart, the variants' pairs are pooled.
 *  @param source The view `barrier`, or a part of it.
 *  @see Arvesen (1969), Jackknifing U-statistics, Annals of Mathematical Statistics 40(6).
 *  @see Efron and Tibshirani (1993), An Introduction to the Bootstrap, ch. 11.
 */
export function leaderboardQuery(groups: readonly GroupColumn[], source = 'barrier'): string {
  const names = groups.map((_, index) => `group_${index + 1}`).join(', ')
  const selected = groups.map(({ expression }, index) => `${expression} as group_${index + 1}`).join(', ')
  const renamed = groups.map(({ name }, index) => `group_${index + 1} as ${quoteIdentifier(name)}`).join(', ')
  const inVariant = groups.some(({ name }) => name === 'variant')
  return `
with grouped as (
  select ${selected}, model_a, model_b, symmetry, max_abs_logit_difference, tokens, seconds, settings,
         barrier, barrier_linear, midpoint, difference_to_vanilla,
         concat_ws(chr(31), study, variant, method, pair) as place
  from ${source}
  where barrier is not null
), numbered as (
  select *, dense_rank() over (order by ${names}) as group_number from grouped
), pair_value as (
  select group_number, 'barrier' as quantity, place, model_a, model_b, barrier as value from numbered
  union all
  select group_number, 'difference', place, model_a, model_b, difference_to_vanilla from numbered
  where difference_to_vanilla is not null
), seed as (
  select distinct group_number, quantity, unnest([model_a, model_b]) as seed from pair_value
), without_seed as (
  select group_number, quantity, seed, avg(value order by place) as estimate
  from seed join pair_value using (group_number, quantity)
  where seed <> model_a and seed <> model_b
  group by group_number, quantity, seed
), centred as (
  select *, avg(estimate) over (partition by group_number, quantity order by seed
                                rows between unbounded preceding and unbounded following) as centre
  from without_seed
), jackknife as (
  select group_number, quantity,
         sqrt((count(*) - 1) / count(*) * sum((estimate - centre) ** 2 order by seed))
           * student_t_quantile(count(*) - 1) as half_width
  from centred
  group by group_number, quantity
  having count(*) >= 3
), pair_mean as (
  select group_number, avg(barrier order by place) as mean from numbered group by group_number
), summary as (
  select group_number, ${names},
         count(distinct (model_a, model_b)) as pairs,
         len(list_distinct(flatten(list([model_a, model_b])))) as models,
         any_value(mean) as barrier,
         sqrt(sum((barrier - mean) ** 2 order by place) / nullif(count(*) - 1, 0) / count(*)) as barrier_stderr,
         avg(barrier_linear order by place) as barrier_linear,
         avg(midpoint order by place) as midpoint,
         avg(difference_to_vanilla order by place) as difference_to_vanilla,
         case when bool_or(symmetry = 'broken') then 'broken' when bool_and(symmetry = 'kept') then 'kept' end
           as symmetry,
         max(max_abs_logit_difference) as max_abs_logit_difference,
         avg(tokens order by place) as tokens,
         avg(seconds order by place) as seconds${inVariant ? ',\n         any_value(settings) as settings' : ''}
  from numbered join pair_mean using (group_number)
  group by group_number, ${names}
)
select ${renamed}, pairs, models,
       barrier, barrier_stderr,
       barrier - b.half_width as barrier_low, barrier + b.half_width as barrier_high,
       barrier_linear, midpoint,
       difference_to_vanilla,
       difference_to_vanilla - d.half_width as difference_low, difference_to_vanilla + d.half_width as difference_high,
       symmetry, max_abs_logit_difference, tokens, seconds${inVariant ? ', settings' : ''}
from summary
left join jackknife b on b.group_number = summary.group_number and b.quantity = 'barrier'
left join jackknife d on d.group_number = summary.group_number and d.quantity = 'difference'`
}

/** Quote a name so that SQL reads it as one identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Quote text so that SQL reads it as one literal. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
