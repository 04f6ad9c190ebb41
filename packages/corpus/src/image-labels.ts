import { UserError } from '@isthmus/tensor'

/** Find the label of each class of images: by its name in `label2id`; where that has but LABEL_0, LABEL_1, …, or is not
 *  there, by its place among the sorted names, as ImageFolder of torchvision numbers them.
 *
 *  @param classes The classes' names, in any order.
 *  @param config The content of `config.json`.
 *  @param numLabels How many classes the model tells apart.
 *  @param where The file `config.json`, for the errors.
 *  @throws {UserError} naming a class that the model does not know, or the two numbers of classes where they differ.
 */
export function imageLabels(
  classes: readonly string[],
  config: Readonly<Record<string, unknown>>,
  numLabels: number,
  where: string,
): Record<string, number> {
  const named = (config.label2id ?? {}) as Readonly<Record<string, unknown>>
  if (Object.keys(named).every((name) => /^LABEL_\d+$/.test(name))) {
    if (classes.length === numLabels) return Object.fromEntries(classes.toSorted().map((name, id) => [name, id]))
    throw new UserError(
      `${where} has ${numLabels} classes without names, but the images are of ${classes.length}: ` +
        `${briefly(classes)}; name the classes in label2id, or give images of the same classes`,
    )
  }
  return Object.fromEntries(
    classes.map((name) => {
      const id = named[name]
      if (Number.isInteger(id) && Number(id) >= 0 && Number(id) < numLabels) return [name, Number(id)]
      throw new UserError(
        `the images have the class '${name}', which label2id of ${where} does not: it has ` +
          `${briefly(Object.keys(named))}; name the folders as the model names its classes`,
      )
    }),
  )
}

function briefly(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
}
