import { UserError } from '@isthmus/tensor'

/** Find the head of a model by the class that saved it: `architectures` in `config.json`.
 *
 *  @param heads By the names of the classes; the first is that of a model that does not name its class.
 *  @param where The file, for the error.
 *  @throws {UserError} naming a class that is not known, with those that are.
 */
export function headOfClass<Head>(
  heads: Readonly<Record<string, Head>>,
  classes: readonly string[] | null | undefined,
  where: string,
): Head {
  const name = classes?.[0] ?? Object.keys(heads)[0]!
  if (!Object.hasOwn(heads, name)) {
    throw new UserError(
      `${where}: architectures names the class ${name}, but those known of this model_type are ` +
        `${Object.keys(heads).join(', ')}: save the model as one of them`,
    )
  }
  return heads[name]!
}
