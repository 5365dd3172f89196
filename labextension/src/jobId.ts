import type { JupyterFrontEnd } from '@jupyterlab/application';

/** What commands that act on one job are given, as JSON Schema. */
export const ID_ARGS = {
  type: 'object',
  properties: { id: { type: 'string', description: 'The id of the job' } }
} as const;

/** The job that a command is about: the one given, or that of the row under the context menu. */
export function jobIdOf(app: JupyterFrontEnd, args: { id?: unknown }): string | undefined {
  return typeof args.id === 'string'
    ? args.id
    : app.contextMenuHitTest(node => !!node.dataset.mlopsJob)?.dataset.mlopsJob;
}
