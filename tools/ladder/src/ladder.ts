/** The rungs, first to last: each package of `packages/` by its folder, then the other top folders as one rung each.
 *
 *  A project may depend only on projects of earlier rungs. A new package is one entry here.
 */
export const ladder: readonly string[] = [
  'tensor',
  'checkpoint',
  'assignment',
  'model',
  'engine',
  'engine-onnx',
  'engine-tfjs',
  'corpus',
  'training',
  'dataflow',
  'storage',
  'executor-bullmq',
  'executor-slurm',
  'activations',
  'alignment',
  'merging',
  'evaluation',
  'results',
  'export',
  'remote',
  'figures',
  'study',
  'apps',
  'experiments',
  'tools',
]

/** The rung of a project: the name of its folder under `packages/`, else the top folder that it lies in.
 *
 *  @param root The project's folder relative to the workspace, such as `packages/tensor` or `apps/cli`.
 */
export function rungOf(root: string): string {
  const [top, folder] = root.split('/')
  return top === 'packages' ? folder! : top!
}
