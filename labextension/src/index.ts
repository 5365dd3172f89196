import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { comparisonPlugin } from './plugins/comparison';
import { documentPlugin } from './plugins/document';
import { experimentsPlugin } from './plugins/experiments';
import { formPlugin } from './plugins/form';
import { modelPlugin } from './plugins/model';
import { notebooksPlugin } from './plugins/notebooks';
import { outputPlugin } from './plugins/output';
import { panelPlugin } from './plugins/panel';
import { placesPlugin } from './plugins/places';
import { reportsPlugin } from './plugins/reports';
import { runPlugin } from './plugins/run';
import { runsPlugin } from './plugins/runs';
import { statusPlugin } from './plugins/status';

export { CommandIDs, IJobs } from './tokens';

// One a capability: each can be disabled by itself.
const plugins: JupyterFrontEndPlugin<unknown>[] = [
  modelPlugin,
  placesPlugin,
  notebooksPlugin,
  panelPlugin,
  documentPlugin,
  runPlugin,
  formPlugin,
  outputPlugin,
  statusPlugin,
  comparisonPlugin,
  reportsPlugin,
  experimentsPlugin,
  runsPlugin
];

export default plugins;
