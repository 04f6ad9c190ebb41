/** t_{0.975, ν} for ν = 1 … 30: half the width of a 95 % interval in standard errors, to 8 decimals. */
export const studentTQuantiles: readonly number[] = [
  12.70620474, 4.30265273, 3.18244631, 2.77644511, 2.57058184, 2.44691185, 2.36462425, 2.30600414, 2.26215716,
  2.22813885, 2.20098516, 2.17881283, 2.16036866, 2.14478669, 2.13144955, 2.1199053, 2.10981558, 2.10092204, 2.09302405,
  2.08596345, 2.07961384, 2.07387307, 2.06865761, 2.06389856, 2.05953855, 2.05552944, 2.05183052, 2.04840714,
  2.04522964, 2.04227246,
]

/** The SQL macro `student_t_quantile(df)`: t_{0.975, df} from the table, and beyond it the expansion about z = z_{0.975},
 *
 *      t ≈ z + (z³ + z)/(4 df) + (5 z⁵ + 16 z³ + 3 z)/(96 df²) + (3 z⁷ + 19 z⁵ + 17 z³ − 15 z)/(384 df³),
 *
 *  which is within 1e-5 there and tends to the normal quantile. NULL below one degree of freedom.
 *
 *  @see Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 26.7.5.
 */
export const studentTMacro = `
create macro student_t_quantile(df) as case
  when df < 1 then null
  when df <= ${studentTQuantiles.length} then [${studentTQuantiles.join(', ')}][df]::double
  else 1.959963984540054 + 2.372271230298562 / df + 2.8224986157396112 / df ** 2 + 2.555849679507722 / df ** 3
end;`
