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
  const settings = groups.some(({ name }) => name === 'variant') ? ', settings' : ''
  return `
with measured as (
  select ${selected}, model_a, model_b, symmetry, max_abs_logit_difference, settings,
         {'barrier': barrier, 'barrier_linear': barrier_linear, 'midpoint': midpoint, 'difference': difference_to_vanilla,
          'tokens': tokens, 'seconds': seconds, 'model_a': model_a, 'model_b': model_b} as measures,
         concat_ws(chr(31), study, variant, method, pair) as place
  from ${source}
  where barrier is not null
), grouped as (
  select ${names},
         list(measures order by place) as pair_list,
         count(distinct (model_a, model_b)) as pairs,
         len(list_distinct(flatten(list([model_a, model_b])))) as models,
         case when bool_or(symmetry = 'broken') then 'broken' when bool_and(symmetry = 'kept') then 'kept' end
           as symmetry,
         max(max_abs_logit_difference) as max_abs_logit_difference${settings && ',\n         any_value(settings) as settings'}
  from measured
  group by ${names}
), summary as (
  select * exclude pair_list,
         [one.barrier for one in pair_list] as barriers,
         [one for one in pair_list if one.difference is not null] as compared,
         list_avg(barriers) as barrier,
         list_avg([one.barrier_linear for one in pair_list]) as barrier_linear,
         list_avg([one.midpoint for one in pair_list]) as midpoint,
         list_avg([one.difference for one in pair_list]) as difference_to_vanilla,
         list_avg([one.tokens for one in pair_list]) as tokens,
         list_avg([one.seconds for one in pair_list]) as seconds,
         jackknife_half_width(barriers, [one.model_a for one in pair_list], [one.model_b for one in pair_list])
           as half_width,
         jackknife_half_width([one.difference for one in compared],
                              [one.model_a for one in compared], [one.model_b for one in compared])
           as difference_half_width
  from grouped
)
select ${renamed}, pairs, models,
       barrier,
       sqrt(list_sum([(value - barrier) ** 2 for value in barriers]) / nullif(len(barriers) - 1, 0) / len(barriers))
         as barrier_stderr,
       barrier - half_width as barrier_low, barrier + half_width as barrier_high,
       barrier_linear, midpoint,
       difference_to_vanilla,
       difference_to_vanilla - difference_half_width as difference_low,
       difference_to_vanilla + difference_half_width as difference_high,
       symmetry, max_abs_logit_difference, tokens, seconds${settings}
from summary`
}

/** The SQL macro `jackknife_half_width(pair_values, models_a, models_b)`: half the interval of the mean of pairs' values,
 *  of which A and B are named in the same order.
 */
export const jackknifeMacro = `
create macro without_each_seed(pair_values, models_a, models_b) as
  [estimate for estimate in [
     list_avg([value for value, i in pair_values if models_a[i] <> seed and models_b[i] <> seed])
     for seed in list_sort(list_distinct(list_concat(models_a, models_b)))
   ] if estimate is not null];
create macro jackknife_of(estimates) as
  sqrt((len(estimates) - 1) / len(estimates) * list_sum([(estimate - list_avg(estimates)) ** 2 for estimate in estimates]))
    * student_t_quantile(len(estimates) - 1);
create macro jackknife_half_width(pair_values, models_a, models_b) as
  case when len(without_each_seed(pair_values, models_a, models_b)) >= 3
       then jackknife_of(without_each_seed(pair_values, models_a, models_b)) end;`

/** Quote a name so that SQL reads it as one identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Quote text so that SQL reads it as one literal. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
