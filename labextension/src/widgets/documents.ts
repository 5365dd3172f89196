import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';

/** Documents of one kind in the main area. They are there again when JupyterLab is opened again. */
export class Documents<T extends Widget> {
  constructor(
    private readonly _shell: JupyterFrontEnd.IShell,
    restorer: ILayoutRestorer | null,
    private readonly _options: Documents.IOptions<T>
  ) {
    const { namespace, command, args } = _options;
    this._tracker = new WidgetTracker<T>({ namespace });
    if (restorer) {
      void restorer.restore(this._tracker, { command, args, name: ({ id }) => id });
    }
  }

  find(isIt: (document: T) => boolean): T | undefined {
    return this._tracker.find(isIt);
  }

  /**
   * Bring a document to the front; it is made where there is none. One is opened after the other:
   * who asks for the same one twice at once gets one.
   */
  open(isIt: (document: T) => boolean, make: () => T | Promise<T>): Promise<T> {
    const opened = this._last.then(async () => {
      let found = this.find(isIt);
      if (!found) {
        found = await make();
        await this._tracker.add(found);
        this._shell.add(found, 'main', { type: this._options.type });
      }
      this._shell.activateById(found.id);
      return found;
    });
    // Who asked is told what went wrong; the next one is opened all the same.
    this._last = opened.catch(() => undefined);
    return opened;
  }

  /** How a document is opened again has changed. */
  save(document: T): void {
    void this._tracker.save(document);
  }

  private _tracker: WidgetTracker<T>;
  private _last: Promise<unknown> = Promise.resolve();
}

export namespace Documents {
  export interface IOptions<T extends Widget> {
    /** Under which JupyterLab remembers them. */
    namespace: string;
    /** What they are for JupyterLab's layout. */
    type: string;
    /** Opens one again, with the arguments that follow. */
    command: string;
    args: (document: T) => ReadonlyPartialJSONObject;
  }
}
