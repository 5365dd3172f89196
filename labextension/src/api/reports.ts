import type { MlopsClient } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type ReportFile = Schemas['ReportFile'];

/** Charts of one report. */
export const CHARTS_MOST = 40;
/** Runs of one report. */
export const REPORT_MOST = 50;

/** What a report is to be like. */
export interface IReportChoice {
  /** The experiments' names when empty. */
  readonly title: string;
  /** Those that are drawn; null leaves the choice to the server. */
  readonly metrics: readonly string[] | null;
  /** With a page beside the notebook. */
  readonly html: boolean;
}

/** A report on runs, in their order; the server keeps nothing of it. */
export function makeReport(
  client: MlopsClient,
  runs: readonly string[],
  choice: IReportChoice
): Promise<ReportFile> {
  const { title, metrics, html } = choice;
  return client.send<ReportFile>('POST', 'reports', {
    runs,
    title: title.trim(),
    metrics,
    html
  });
}
