import type { TranslationBundle } from '@jupyterlab/translation';

import type { IChosenRun } from '../../model/comparison';
import type { Section } from '../../model/differences';

/** What a run is called where nobody gave it a name. */
export function nameOf({ id, run }: IChosenRun): string {
  const name = run?.name ?? '';
  return name === '' ? id.slice(0, 8) : name;
}

/** Names that tell runs apart: those that are shared get the beginning of their id. */
export function distinctNames(runs: readonly IChosenRun[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  for (const run of runs) {
    counts.set(nameOf(run), (counts.get(nameOf(run)) ?? 0) + 1);
  }
  return new Map(
    runs.map(run => {
      const name = nameOf(run);
      return [
        run.id,
        (counts.get(name) ?? 0) > 1 ? `${name} (${run.id.slice(0, 6)})` : name
      ];
    })
  );
}

export function sectionName(section: Section, trans: TranslationBundle): string {
  switch (section) {
    case 'params':
      return trans.__('Parameters');
    case 'metrics':
      return trans.__('Metrics (last value)');
    case 'attributes':
      return trans.__('Attributes');
    case 'tags':
      return trans.__('Tags');
    case 'packages':
      return trans.__('Packages');
  }
}
