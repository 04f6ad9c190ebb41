/** The rungs, first to last: each package of `packages/` by its folder, each application, then the other top folders as one
 *  rung each.
 *
 *  A project may depend only on projects of earlier rungs. A new package is one entry here.
 */
export const ladder: readonly string[] = [
  'build',
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
  'apps/server',
  'apps/dashboard',
  'apps/cli',
  'experiments',
  'tools',
]

/** The rung of a project: the name of its folder under `packages/`, its path under `apps/`, else the top folder that it lies in.
 *
 *  @param root The project's folder relative to the workspace, such as `packages/tensor` or `apps/cli`.
 */
export function rungOf(root: string): string {
  const [top, folder] = root.split('/')
  if (top === 'apps') return root
  return top === 'packages' ? folder! : top!
}
