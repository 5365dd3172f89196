/**
 * Which runs are chosen. Pure; ids stay chosen whatever the table shows meanwhile.
 */
export interface ISelection {
  readonly ids: ReadonlySet<string>;
  /** Where a range begins. */
  readonly anchor: string | null;
}

export const NOTHING: ISelection = { ids: new Set(), anchor: null };

/** Only this one. */
export function only(id: string): ISelection {
  return { ids: new Set([id]), anchor: id };
}

/** With this one, or without it when it was chosen. */
export function toggle(selection: ISelection, id: string): ISelection {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) {
    ids.add(id);
  }
  return { ids, anchor: id };
}

/** Everything from the anchor to here; `range` is in the table's order. */
export function extend(
  selection: ISelection,
  range: readonly string[],
  added: boolean
): ISelection {
  const ids = new Set(added ? selection.ids : []);
  range.forEach(id => ids.add(id));
  return { ids, anchor: selection.anchor ?? range[0] ?? null };
}
