import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import { Token } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

import type { Deletion } from './model/deletion';
import type { JobsModel } from './model/jobs';
import type { Documents } from './widgets/documents';
import type { INotebookViewOptions } from './widgets/notebookView';

/** The jobs of this person, live; other extensions may use it too. */
export const IJobs = new Token<IJobs>(
  'jupyter-mlops:IJobs',
  'The jobs of the jupyter-mlops daemon: a live list, the API client and the event stream.'
);
export interface IJobs {
  readonly model: JobsModel;
  readonly deletion: Deletion;
}

/** Where what the plugins show has its place; within this extension. */
export const IPlaces = new Token<IPlaces>('jupyter-mlops:IPlaces');
export interface IPlaces {
  /** This extension's words, in the person's language. */
  readonly trans: TranslationBundle;
  addToPalette: (command: string, category: string) => void;
  /** A panel at the left side, and the command that shows it. */
  addPanel: (
    panel: Widget,
    options: {
      command: string;
      label: string;
      icon: LabIcon;
      /** Of the command, in the palette. */
      category: string;
      /** What it is for JupyterLab's layout. */
      type: string;
      rank: number;
    }
  ) => void;
  documents: <T extends Widget>(options: Documents.IOptions<T>) => Documents<T>;
}

/** What executed notebooks are shown with; within this extension. */
export const INotebookLook = new Token<INotebookLook>('jupyter-mlops:INotebookLook');
export interface INotebookLook {
  /** For one document. */
  readonly options: () => INotebookViewOptions;
}

/** Ids of the commands; menus, toolbars and shortcuts in schema/ refer to them. */
export namespace CommandIDs {
  export const runNotebook = 'jupyter-mlops:run-notebook';
  export const openJob = 'jupyter-mlops:open-job';
  export const showJobs = 'jupyter-mlops:show-jobs';
  export const cancelJob = 'jupyter-mlops:cancel-job';
  export const rerunJob = 'jupyter-mlops:rerun-job';
  export const rerunJobWithChanges = 'jupyter-mlops:rerun-job-with-changes';
  export const deleteJob = 'jupyter-mlops:delete-job';
  export const openOutput = 'jupyter-mlops:open-output-notebook';
  export const openMlflow = 'jupyter-mlops:open-mlflow';
  export const openRun = 'mlops:open-run';
  export const compareRuns = 'mlops:compare-runs';
  export const makeReport = 'mlops:make-report';
  export const showExperiments = 'mlops:show-experiments';
  export const openRuns = 'mlops:open-runs';
}
