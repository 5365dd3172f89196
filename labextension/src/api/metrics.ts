import type { Axis, IPoints } from '../charts/series';
import type { IRange } from '../charts/range';
import { toNumber } from '../charts/numbers';
import type { IAnswer, MlopsClient } from './client';
import type { components } from './schema';

type Series = components['schemas']['Series'];
type SeriesList = components['schemas']['SeriesList'];

export interface IPointsQuery {
  runs: readonly string[];
  key: string;
  axis: Axis;
  /** Only of this part of the axis. */
  range?: IRange | null;
}

/** A point takes up to 45 bytes: an answer stays below 200 KB. */
const ANSWER_POINTS = 4000;
const POINTS_MOST = 1000;
/** Runs that one request asks about: each still has as many points as a chart has places. */
export const RUNS_A_REQUEST = 8;

/** Points of each run that one answer has room for. */
export function pointsFor(runs: number): number {
  return Math.min(POINTS_MOST, Math.floor(ANSWER_POINTS / Math.max(1, runs)));
}

/** Points of one metric of some runs, thinned out by the server; null when `etag` still holds. */
export async function getPoints(
  client: MlopsClient,
  query: IPointsQuery,
  etag?: string | null
): Promise<IAnswer<ReadonlyMap<string, IPoints>> | null> {
  const search = new URLSearchParams({ key: query.key, axis: query.axis });
  query.runs.forEach(run => search.append('run', run));
  search.set('points', String(pointsFor(query.runs.length)));
  if (query.range) {
    search.set('from', String(query.range.from));
    search.set('to', String(query.range.to));
  }
  const answer = await client.getIfNew<SeriesList>(`metrics?${search}`, etag);
  return (
    answer && {
      etag: answer.etag,
      value: new Map(
        answer.value.series.map(one => [one.run_id, pointsOf(one, query.axis)])
      )
    }
  );
}

/** A series as charts take it. */
export function pointsOf(series: Series, axis: Axis): IPoints {
  return {
    steps: axis === 'step' ? series.x : series.step,
    times: axis === 'step' ? [] : series.x,
    values: series.y.map(toNumber),
    nans: series.nan_x,
    total: series.total
  };
}
