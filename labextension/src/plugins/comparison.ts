import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { compareIcon } from '../icons';
import { CommandIDs, IJobs, IPlaces } from '../tokens';
import type { ComparisonDocument, IComparisonArgs } from '../widgets/comparison';

const RUN_ID = /^[0-9A-Za-z_-]{1,64}$/;

/** Runs beside each other in the main area. */
export const comparisonPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:comparison',
  description:
    'Compares runs: where they differ, their charts overlaid, their parameters against their metrics.',
  autoStart: true,
  requires: [IJobs, IPlaces],
  activate: (app: JupyterFrontEnd, jobs: IJobs, places: IPlaces): void => {
    const { commands } = app;
    const { trans } = places;
    const documents = places.documents<ComparisonDocument>({
      namespace: 'jupyter-mlops-comparison',
      type: 'Comparison',
      command: CommandIDs.compareRuns,
      args: ({ content: { args } }) => ({ ...args, runs: [...args.runs] })
    });

    commands.addCommand(CommandIDs.compareRuns, {
      label: trans.__('Compare Runs'),
      caption: trans.__('See where runs differ, and their charts overlaid'),
      icon: compareIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            runs: {
              type: 'array',
              items: { type: 'string' },
              description: 'Ids of the runs; they can be chosen later as well'
            },
            baseline: {
              type: ['string', 'null'],
              description:
                'The run that others are measured by, null for none; the first when left out'
            },
            tab: { type: 'string', description: 'The view that is shown first' }
          }
        }
      },
      execute: async given => {
        const args = argsOf(given);
        const isSame = ({ content }: ComparisonDocument) =>
          args.runs.length > 0 && sorted(content.args.runs) === sorted(args.runs);
        await documents.open(isSame, async () => {
          const { ComparisonDocument } = await import('../widgets/comparison');
          const made = new ComparisonDocument({
            args,
            client: jobs.model.client,
            onOpen: () =>
              commands.hasCommand(CommandIDs.openRun)
                ? run => void commands.execute(CommandIDs.openRun, { run })
                : null,
            onReport: () =>
              commands.hasCommand(CommandIDs.makeReport)
                ? runs => void commands.execute(CommandIDs.makeReport, { runs: [...runs] })
                : null,
            trans
          });
          made.content.argsChanged.connect(() => documents.save(made));
          return made;
        });
      }
    });
    places.addToPalette(CommandIDs.compareRuns, trans.__('Experiments'));
  }
};

/** As in `ComparisonView`, which is loaded only when it is needed. */
const TABS = new Set<string>([
  'overview',
  'charts',
  'parallel',
  'scatter',
  'changes'
] satisfies IComparisonArgs['tab'][]);

function argsOf(given: {
  runs?: unknown;
  baseline?: unknown;
  tab?: unknown;
}): IComparisonArgs {
  const runs = Array.isArray(given.runs) ? given.runs : [];
  return {
    runs: runs.filter((run): run is string => typeof run === 'string' && RUN_ID.test(run)),
    ...(given.baseline === null || typeof given.baseline === 'string'
      ? { baseline: given.baseline }
      : {}),
    ...(isTab(given.tab) ? { tab: given.tab } : {})
  };
}

function isTab(tab: unknown): tab is NonNullable<IComparisonArgs['tab']> {
  return typeof tab === 'string' && TABS.has(tab);
}

function sorted(runs: readonly string[]): string {
  return [...runs].sort().join();
}
