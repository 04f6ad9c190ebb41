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
 *  by pair. θ_(s) is taken from the sum over all pairs less that over the pairs of s, which is one pass over the pairs and
 *  not one for each seed. Sums run in a fixed order, over sorted lists, so that the order in which rows were ingested
 *  changes no bit of the result.
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
with measured as (
  select ${selected}, model_a, model_b, symmetry, max_abs_logit_difference, settings,
         {'place': concat_ws(chr(31), study, variant, method, pair), 'model_a': model_a, 'model_b': model_b,
          'barrier': barrier, 'barrier_linear': barrier_linear, 'midpoint': midpoint,
          'difference': difference_to_vanilla, 'tokens': tokens, 'seconds': seconds} as measures
  from ${source}
  where barrier is not null
), grouped as (
  select ${names}, row_number() over () as group_number,
         list_sort(list(measures)) as pair_list,
         count(distinct (model_a, model_b)) as pairs,
         len(list_distinct(flatten(list([model_a, model_b])))) as models,
         case when bool_or(symmetry = 'broken') then 'broken' when bool_and(symmetry = 'kept') then 'kept' end
           as symmetry,
         max(max_abs_logit_difference) as max_abs_logit_difference${inVariant ? ',\n         any_value(settings) as settings' : ''}
  from measured
  group by ${names}
), one_pair as (
  select group_number, unnest(pair_list) as measures, generate_subscripts(pair_list, 1) as position from grouped
), pair_value as (
  select group_number, 'barrier' as quantity, position, measures.model_a, measures.model_b, measures.barrier as value
  from one_pair
  union all
  select group_number, 'difference', position, measures.model_a, measures.model_b, measures.difference
  from one_pair
  where measures.difference is not null
), of_all as (
  select group_number, 'barrier' as quantity, [one.barrier for one in pair_list] as pair_values from grouped
  union all
  select group_number, 'difference', [one.difference for one in pair_list if one.difference is not null] from grouped
), of_seed as (
  select group_number, quantity, seed, list_sort(list({'position': position, 'value': value})) as parts
  from (select *, unnest(list_distinct([model_a, model_b])) as seed from pair_value)
  group by group_number, quantity, seed
), without_seed as (
  select group_number, quantity,
         list((list_sum(pair_values) - list_sum([part.value for part in parts])) / (len(pair_values) - len(parts))
              order by seed) as estimates
  from of_seed join of_all using (group_number, quantity)
  where len(pair_values) > len(parts)
  group by group_number, quantity
), jackknife as (
  select group_number, quantity, list_avg(estimates) as centre,
         sqrt((len(estimates) - 1) / len(estimates) * list_sum([(estimate - centre) ** 2 for estimate in estimates]))
           * student_t_quantile(len(estimates) - 1) as half_width
  from without_seed
  where len(estimates) >= 3
), summary as (
  select * exclude pair_list,
         [one.barrier for one in pair_list] as barriers,
         list_avg(barriers) as barrier,
         list_avg([one.barrier_linear for one in pair_list]) as barrier_linear,
         list_avg([one.midpoint for one in pair_list]) as midpoint,
         list_avg([one.difference for one in pair_list]) as difference_to_vanilla,
         list_avg([one.tokens for one in pair_list]) as tokens,
         list_avg([one.seconds for one in pair_list]) as seconds
  from grouped
)
select ${renamed}, pairs, models,
       barrier,
       sqrt(list_sum([(value - barrier) ** 2 for value in barriers]) / nullif(len(barriers) - 1, 0) / len(barriers))
         as barrier_stderr,
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
