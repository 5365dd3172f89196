import type * as nbformat from '@jupyterlab/nbformat';
import type { ICodeCellModel } from '@jupyterlab/cells';
import { NotebookModel } from '@jupyterlab/notebook';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { MlopsStream } from '../api/stream';
import type { IAttemptEvent, IProblemDocument, Job } from '../api/types';

/** Where a cell of an execution is. */
export type CellStatus =
  'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'not_run';

interface IStreamEvent {
  index: number;
  name: 'stdout' | 'stderr';
  text: string;
}

interface INotebookMetadata {
  mlops?: { seq?: number };
}

interface ICellMetadata {
  mlops?: { status?: CellStatus };
}

/**
 * One attempt of a job as a notebook that grows: the last saved notebook, then the events since.
 */
export class ExecutionModel implements IDisposable {
  constructor(
    private readonly _client: MlopsClient,
    private readonly _stream: MlopsStream,
    readonly jobId: string,
    private _attempt?: number
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** The notebook; null until the attempt has prepared one. */
  get notebook(): NotebookModel | null {
    return this._notebook;
  }

  /** Which cell runs now, or null. */
  get running(): number | null {
    return this._running;
  }

  get notes(): readonly string[] {
    return this._notes;
  }

  get problem(): IProblemDocument | null {
    return this._problem;
  }

  /** Another notebook: the first one, or the next attempt's. */
  get notebookChanged(): ISignal<this, NotebookModel | null> {
    return this._notebookChanged;
  }

  /** A cell's status changed: its index. */
  get cellChanged(): ISignal<this, number> {
    return this._cellChanged;
  }

  /** Notes, problems: whatever isn't in the notebook. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The job as it was at the end of the events. */
  get ended(): ISignal<this, Job> {
    return this._ended;
  }

  status(index: number): CellStatus {
    return this._status.get(index) ?? 'waiting';
  }

  /** `prepared`: there is a notebook already; else it is waited for. */
  async start(prepared: boolean): Promise<void> {
    if (prepared) {
      await this._load();
    }
    if (!this._isDisposed) {
      this._follow();
    }
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._subscription?.dispose();
      this._notebook?.dispose();
      Signal.clearData(this);
    }
  }

  /** Events from `_seq` on; what an earlier subscription still has queued is left out. */
  private _follow(): void {
    this._subscription?.dispose();
    const generation = ++this._generation;
    this._subscription = this._stream.subscribe<IAttemptEvent>({
      path: () => {
        const attempt = this._attempt ? `&attempt=${this._attempt}` : '';
        return `/api/v1/jobs/${this.jobId}/events?follow=1&after=${this._seq}${attempt}`;
      },
      next: event => {
        this._pending = this._pending
          .then(() => (generation === this._generation ? this._apply(event) : undefined))
          .catch((error: unknown) => this._fail(error));
      },
      error: problem => {
        this._problem = problem;
        this._changed.emit();
      }
    });
  }

  private _fail(error: unknown): void {
    if (!(error instanceof MlopsError)) {
      throw error;
    }
    this._problem = { code: error.code, detail: error.message, hint: error.hint };
    this._changed.emit();
  }

  /** Called in the events' order. Loading a notebook takes time, so what comes meanwhile waits. */
  private async _apply(event: IAttemptEvent): Promise<void> {
    if (this._isDisposed) {
      return;
    }
    if (event.type === 'attempt') {
      this._attempt = Number(event.number);
      this._seq = 0;
      this._notes = [];
      this._reset(null);
      return;
    }
    if (event.type === 'job') {
      this._ended.emit(event.job as Job);
      return;
    }
    if (event.seq !== undefined) {
      if (event.seq <= this._seq) {
        return;
      }
      this._seq = event.seq;
    }
    const missing = !this._notebook && event.type === 'saved';
    if (event.type === 'prepared' || missing || (event.type === 'saved' && this._stale)) {
      await this._reload();
    } else {
      this._change(event);
    }
  }

  /** Take the notebook as saved last; it may lack events that were told already. */
  private async _reload(): Promise<void> {
    const told = this._seq;
    await this._load();
    if (this._isDisposed) {
      return;
    }
    if (this._seq < told - 1) {
      this._follow();
    } else {
      this._seq = Math.max(this._seq, told);
    }
  }

  private _change(event: IAttemptEvent): void {
    const index = Number(event.index);
    switch (event.type) {
      case 'cell_started':
        this._running = index;
        this._mark(index, 'running');
        break;
      case 'cell_finished': {
        const cell = this._code(index);
        if (cell) {
          cell.executionState = 'idle';
          cell.executionCount = (event.execution_count as number | null) ?? null;
        }
        if (this._running === index) {
          this._running = null;
        }
        this._mark(index, event.status as CellStatus);
        break;
      }
      case 'stream': {
        const { name, text } = event as unknown as IStreamEvent;
        this._code(index)?.outputs.add({ output_type: 'stream', name, text });
        break;
      }
      case 'output':
        this._output(index, event.output as nbformat.IOutput);
        break;
      case 'clear_output':
        this._code(index)?.outputs.clear(Boolean(event.wait));
        this._forget(index);
        break;
      case 'update_display':
        this._updateDisplay(event);
        break;
      case 'note':
        this._notes = [...this._notes, String(event.text)];
        this._changed.emit();
        break;
    }
  }

  private _output(index: number, output: nbformat.IOutput): void {
    const cell = this._code(index);
    if (!cell) {
      return;
    }
    const position = cell.outputs.add(output) - 1;
    const id = (output.transient as { display_id?: string } | undefined)?.display_id;
    if (id) {
      const places = this._displays.get(id) ?? [];
      places.push([index, position]);
      this._displays.set(id, places);
    }
  }

  private _updateDisplay(event: IAttemptEvent): void {
    const places = this._displays.get(String(event.display_id));
    if (!places) {
      // Shown before we came; only the next saved notebook has it.
      this._stale = true;
      return;
    }
    for (const [index, position] of places) {
      const outputs = this._code(index)?.outputs;
      if (outputs && position < outputs.length) {
        outputs.set(position, {
          output_type: 'display_data',
          data: event.data as nbformat.IMimeBundle,
          metadata: (event.metadata as nbformat.OutputMetadata) ?? {}
        });
      }
    }
  }

  /** The displays of a cell are gone with its outputs. */
  private _forget(cell: number): void {
    for (const [id, places] of this._displays) {
      const left = places.filter(([index]) => index !== cell);
      if (left.length) {
        this._displays.set(id, left);
      } else {
        this._displays.delete(id);
      }
    }
  }

  private _mark(index: number, status: CellStatus): void {
    this._status.set(index, status);
    this._cellChanged.emit(index);
  }

  private _code(index: number): ICodeCellModel | null {
    const model = this._notebook;
    if (!model || index < 0 || index >= model.cells.length) {
      return null;
    }
    const cell = model.cells.get(index);
    return cell.type === 'code' ? (cell as ICodeCellModel) : null;
  }

  private async _load(): Promise<void> {
    const content = (await this._client.notebook(
      this.jobId,
      this._attempt
    )) as nbformat.INotebookContent | null;
    if (this._isDisposed || !content) {
      return;
    }
    const model = new NotebookModel();
    content.cells.forEach(joinStreams);
    model.fromJSON(content);
    // Someone else may have written what it shows: nothing of it is trusted by itself.
    for (let index = 0; index < model.cells.length; index++) {
      model.cells.get(index).trusted = false;
    }
    model.readOnly = true;
    const metadata = content.metadata as INotebookMetadata;
    this._seq = Math.max(0, metadata.mlops?.seq ?? 0);
    this._reset(model);
    content.cells.forEach((cell, index) => {
      const status = (cell.metadata as ICellMetadata).mlops?.status;
      if (status) {
        this._status.set(index, status);
        if (status === 'running') {
          this._running = index;
        }
      }
    });
    this._notebookChanged.emit(model);
  }

  private _reset(model: NotebookModel | null): void {
    const old = this._notebook;
    this._notebook = model;
    this._status.clear();
    this._displays.clear();
    this._running = null;
    this._stale = false;
    if (!model) {
      this._notebookChanged.emit(null);
    }
    old?.dispose();
  }

  private _notebook: NotebookModel | null = null;
  private _status = new Map<number, CellStatus>();
  private _displays = new Map<string, [number, number][]>();
  private _running: number | null = null;
  private _notes: readonly string[] = [];
  private _problem: IProblemDocument | null = null;
  private _seq = 0;
  private _stale = false;
  private _generation = 0;
  private _pending: Promise<void> = Promise.resolve();
  private _subscription: IDisposable | null = null;
  private _isDisposed = false;
  private _notebookChanged = new Signal<this, NotebookModel | null>(this);
  private _cellChanged = new Signal<this, number>(this);
  private _changed = new Signal<this, void>(this);
  private _ended = new Signal<this, Job>(this);
}

/** Text that a file keeps line by line as one: the shared model would put commas between them. */
function joinStreams(cell: nbformat.ICell): void {
  for (const output of (cell.outputs as nbformat.IOutput[] | undefined) ?? []) {
    if (output.output_type === 'stream' && Array.isArray(output.text)) {
      output.text = output.text.join('');
    }
  }
}
