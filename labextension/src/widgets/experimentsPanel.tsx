import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Experiment } from '../api/experiments';
import { changeExperiment, getExperiment } from '../api/experiments';
import type { RunRow } from '../api/runs';
import { changeRun, getNote } from '../api/runs';
import { reporting } from '../commands';
import type { IExperimentActions } from '../components/ExperimentList';
import { ExperimentsPanel } from '../components/ExperimentsPanel';
import { experimentsIcon } from '../runIcons';
import type { ExperimentLine, ExperimentsModel } from '../model/experiments';
import { Watch } from '../model/watch';
import { openMenu } from './menus';
import { editNote } from './noteDialog';

/** The Experiments side panel. */
export class ExperimentsPanelWidget extends ReactWidget {
  constructor(private readonly _options: ExperimentsPanelWidget.IOptions) {
    super();
    const { model, trans } = _options;
    this.id = 'jupyter-mlops-experiments';
    this.addClass('jp-mlops-jobsPanel');
    this.addClass('jp-mlops-experimentsPanel');
    this.title.icon = experimentsIcon;
    this.title.caption = trans.__('Experiments');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Experiments'));
    this._watch = new Watch(
      () => model.look(),
      () => this.isVisible,
      () => this.update()
    );
  }

  dispose(): void {
    if (!this.isDisposed) {
      super.dispose();
      this._watch.dispose();
      this._options.model.dispose();
    }
  }

  protected onAfterShow(): void {
    this._watch.start();
    this._watch.now();
  }

  protected render(): React.JSX.Element {
    const { model, trans } = this._options;
    return (
      <UseSignal signal={model.changed}>
        {() => (
          <ExperimentsPanel
            model={model}
            actions={this._actions}
            seconds={this._watch.seconds}
            onLook={() => this._watch.now()}
            trans={trans}
          />
        )}
      </UseSignal>
    );
  }

  private _menu(line: ExperimentLine, x: number, y: number): void {
    const { trans } = this._options;
    const lead = () => {
      if (document.activeElement === document.body) {
        this.node.querySelector<HTMLElement>('.jp-mlops-list')?.focus();
      }
    };
    if (line.kind === 'experiment') {
      const { experiment } = line;
      openMenu(
        [
          {
            label: trans.__('Open Table of Runs'),
            shortcut: 'Enter',
            execute: () => this._actions.openTable(experiment.id)
          },
          {
            label: trans.__('Favourite'),
            shortcut: 'F',
            toggled: experiment.favourite,
            execute: () => this._actions.favouriteExperiment(experiment)
          },
          {
            label: trans.__('Note…'),
            shortcut: 'N',
            execute: () => this._actions.noteExperiment(experiment)
          }
        ],
        x,
        y,
        lead
      );
    } else if (line.kind === 'run') {
      const { run } = line;
      openMenu(
        [
          {
            label: trans.__('Open Run'),
            shortcut: 'Enter',
            execute: () => this._actions.openRun(run.id)
          },
          {
            label: trans.__('Favourite'),
            shortcut: 'F',
            toggled: run.favourite,
            execute: () => this._actions.favouriteRun(run)
          },
          {
            label: trans.__('Note…'),
            shortcut: 'N',
            execute: () => this._actions.noteRun(run)
          }
        ],
        x,
        y,
        lead
      );
    }
  }

  private async _noteExperiment({ id, name }: Experiment): Promise<void> {
    const { model, trans } = this._options;
    const { client } = model;
    await editNote({
      title: name,
      load: async () => {
        const { note, note_version } = await getExperiment(client, id);
        return { note, version: note_version };
      },
      save: ({ note, version }) =>
        changeExperiment(client, id, { note, note_version: version }),
      trans
    });
    this._watch.now();
  }

  private async _noteRun({ id, name }: RunRow): Promise<void> {
    const { model, trans } = this._options;
    const { client } = model;
    await editNote({
      title: name,
      load: () => getNote(client, id),
      save: ({ note, version }) => changeRun(client, id, { note, note_version: version }),
      trans
    });
    this._watch.now();
  }

  private _actions: IExperimentActions = {
    openRun: id => this._options.openRun(id),
    openTable: experiment =>
      this._options.openTable(
        experiment,
        experiment === null ? this._options.model.text : ''
      ),
    favouriteExperiment: ({ id, favourite }) =>
      void reporting(this._options.model.changeExperiment(id, { favourite: !favourite })),
    favouriteRun: ({ id, favourite }) =>
      void reporting(this._options.model.changeRun(id, { favourite: !favourite })),
    noteExperiment: experiment => void this._noteExperiment(experiment),
    noteRun: run => void this._noteRun(run),
    menu: (line, x, y) => this._menu(line, x, y)
  };

  private _watch: Watch;
}

export namespace ExperimentsPanelWidget {
  export interface IOptions {
    model: ExperimentsModel;
    openRun: (id: string) => void;
    /** The table of an experiment, or of all with what was looked for. */
    openTable: (experiment: string | null, text: string) => void;
    trans: TranslationBundle;
  }
}
