import type { DuckDBConnection } from '@duckdb/node-api'

/** What names a curve, of whatever run. */
const curveColumns = 'study, run, variant, pair, method'

/** The barriers of curves by three definitions.
 *
 *      barrier         max_λ L − ½ (L(1) + L(0))
 *      barrier_linear  max_λ [L − λ L(1) − (1 − λ) L(0)]
 *      midpoint        L(½) − ½ (L(1) + L(0))
 *
 *  λ is rounded to nine decimals where it is compared, for grids made by adding 0.05 up.
 *  @param points The table `curve_point`, or whole curves of it.
 *  @see Verma and Elbayad (2024), Merging Text Transformer Models from Different Initializations, § 4.
 *  @see Frankle et al. (2020), Linear Mode Connectivity and the Lottery Ticket Hypothesis, § 2.
 */
export function curveBarrierQuery(points: string): string {
  return `
with point as (from ${points}),
ends as (
  select ${curveColumns},
         max(loss) filter (where round(lam, 9) = 1)   as loss_a,
         max(loss) filter (where round(lam, 9) = 0)   as loss_b,
         max(loss) filter (where round(lam, 9) = 0.5) as loss_middle
  from point
  group by ${curveColumns}
)
select ${curveColumns}, model_a, model_b,
       max(loss) - (loss_a + loss_b) / 2                        as barrier,
       max(loss - (lam * loss_a + (1 - lam) * loss_b))          as barrier_linear,
       loss_middle - (loss_a + loss_b) / 2                      as midpoint,
       loss_a, loss_b,
       count(*)                                                 as points,
       arg_max(lam, (loss, -lam))                               as lam_max,
       any_value(settings)                                      as settings
from point join ends using (${curveColumns})
group by ${curveColumns}, model_a, model_b, loss_a, loss_b, loss_middle`
}

/** The table that the view `barrier` reads: taking them from all points again for every question takes seconds once there
 *  are a million.
 */
export const curveBarrierTable = `
create table curve_barrier as ${curveBarrierQuery('curve_point')};`

/** What the table is, to be read in the database itself. */
export const curveBarrierComments = `
comment on table curve_barrier is 'What the view barrier has of each curve, of all runs: kept as its points come';`

/** Take the barriers anew of the curves whose points came. Runs in the caller's transaction.
 *
 *  @param incoming A table of such points; `curve_point` has them.
 */
export async function updateCurveBarriers(connection: DuckDBConnection, incoming: string): Promise<void> {
  await connection.run(
    `delete from curve_barrier where (${curveColumns}) in (select (${curveColumns}) from ${incoming})`,
  )
  const changed = `curve_point semi join ${incoming} using (${curveColumns})`
  await connection.run(`insert into curve_barrier ${curveBarrierQuery(`(select * from ${changed})`)}`)
}
