/**
 * What MLflow's pages keep in the browser. They are of the same origin as JupyterLab, and these are
 * the keys of MLflow 3; another version that knows them no longer shows itself as it does by default.
 */
const DARK = '_mlflow_dark_mode_toggle_enabled';
/** MLflow opens its assistant once by itself, over a third of the page. */
const ASSISTANT_SHOWN = 'mlflow.assistant.fab.autoOpenedOnFirstLoad_v1';

/** Make MLflow's pages look like JupyterLab's next to them; before they are loaded. */
export function dressMlflow(storage: Storage, dark: boolean): void {
  storage.setItem(DARK, String(dark));
  storage.setItem(ASSISTANT_SHOWN, 'true');
}
