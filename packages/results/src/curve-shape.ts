/** Views of what curves do between their ends.
 *
 *  Equal neighbours count as one point, so that a plateau is one extremum, or none where it reaches an end. Extrema
 *  alternate: where two maxima lie inside, a minimum lies between them, and the curve is an M. What is that small that it
 *  may be chance is left to the reader, who has the depth.
 */
export const curveShapeViews = `
create view curve_shape as
with point as (
  select *, lag(loss) over line as previous
  from curve
  window line as (partition by study, variant, pair, method order by lam)
), turn as (
  select study, variant, pair, method, lam, loss,
         lag(loss) over line as left_loss, lead(loss) over line as right_loss
  from point
  where previous is null or previous <> loss
  window line as (partition by study, variant, pair, method order by lam)
), extremum as (
  select study, variant, pair, method, lam, loss,
         case when loss > left_loss and loss > right_loss then 'maximum'
              when loss < left_loss and loss < right_loss then 'minimum' end as kind
  from turn
), flanked as (
  select *,
         max(loss) filter (where kind = 'maximum') over
           (partition by study, variant, pair, method order by lam rows unbounded preceding) as left_maximum,
         max(loss) filter (where kind = 'maximum') over
           (partition by study, variant, pair, method order by lam desc rows unbounded preceding) as right_maximum
  from extremum
), counted as (
  select study, variant, pair, method,
         count(*) filter (where kind = 'maximum') as maxima,
         count(*) filter (where kind = 'minimum') as minima,
         max(case when left_maximum < right_maximum then left_maximum else right_maximum end - loss)
           filter (where kind = 'minimum' and left_maximum is not null and right_maximum is not null) as m_depth
  from flanked
  group by study, variant, pair, method
), lowest as (
  select study, variant, pair, method, min(loss) as inner_loss, arg_min(lam, (loss, lam)) as inner_lam
  from curve
  where round(lam, 9) > 0 and round(lam, 9) < 1
  group by study, variant, pair, method
)
select study, variant, pair, model_a, model_b, method, points, loss_a, loss_b, maxima, minima,
       m_depth is not null as is_m_shaped, m_depth,
       greatest(0, least(loss_a, loss_b) - inner_loss) as dip,
       case when inner_loss < least(loss_a, loss_b) then inner_lam end as lam_dip,
       settings
from barrier
join counted using (study, variant, pair, method)
join lowest using (study, variant, pair, method)
where loss_a is not null and loss_b is not null;

create view score_curve as
select study, variant, pair, method, task, metric, lam, value, model_a, model_b, settings
from score semi join current_run using (study, run);

create view task_score as
select study, variant, pair, model_a, model_b, method, task, metric,
       max(value) filter (where round(lam, 9) = 1)   as value_a,
       max(value) filter (where round(lam, 9) = 0)   as value_b,
       max(value) filter (where round(lam, 9) = 0.5) as middle,
       min(value)                                    as lowest,
       arg_min(lam, (value, lam))                    as lam_lowest,
       greatest(0, max(value) filter (where round(lam, 9) > 0 and round(lam, 9) < 1)
                   - max(value) filter (where round(lam, 9) in (0, 1))) as gain,
       case when gain > 0 then arg_max(lam, (value, -lam)) end          as lam_gain,
       any_value(settings)                           as settings
from score_curve
group by study, variant, pair, model_a, model_b, method, task, metric
having value_a is not null and value_b is not null;`

export const curveShapeComments = `
comment on view curve_shape is 'What each curve that has its ends does between them; nats';
comment on column curve_shape.maxima is 'Local maxima strictly between the ends; a plateau is one';
comment on column curve_shape.minima is 'Local minima strictly between the ends; a plateau is one';
comment on column curve_shape.is_m_shaped is 'Whether a local minimum lies between two local maxima, however shallow: see m_depth';
comment on column curve_shape.m_depth is 'How far the deepest such minimum is below the lower of the highest maxima on its two sides; NULL where there is none';
comment on column curve_shape.dip is 'How far the lowest loss strictly between the ends is below that of the better parent; 0 where it is not';
comment on column curve_shape.lam_dip is 'The lam of that loss, the smallest on a tie; NULL where dip is 0';
comment on view score_curve is 'Task metrics along the curves of the current runs';
comment on view task_score is 'One row per pair, method and metric of a task: the parents, and what lies between. Higher is better';
comment on column task_score.value_a is 'At lam = 1: A';
comment on column task_score.value_b is 'At lam = 0: B, or aligned B where the symmetry is broken';
comment on column task_score.middle is 'At lam = 1/2; NULL without that point';
comment on column task_score.lowest is 'The lowest along the curve, ends included';
comment on column task_score.lam_lowest is 'The lam of the lowest, the smallest on a tie';
comment on column task_score.gain is 'How far the highest strictly between the ends is above the better parent; 0 where it is not';
comment on column task_score.lam_gain is 'The lam of the highest, the smallest on a tie; NULL where gain is 0';`
