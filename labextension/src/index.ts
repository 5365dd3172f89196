import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { documentPlugin } from './plugins/document';
import { formPlugin } from './plugins/form';
import { modelPlugin } from './plugins/model';
import { outputPlugin } from './plugins/output';
import { panelPlugin } from './plugins/panel';
import { statusPlugin } from './plugins/status';

export { CommandIDs, IJobs } from './tokens';

// One a capability: each can be disabled by itself.
const plugins: JupyterFrontEndPlugin<unknown>[] = [
  modelPlugin,
  panelPlugin,
  documentPlugin,
  formPlugin,
  outputPlugin,
  statusPlugin
];

export default plugins;
