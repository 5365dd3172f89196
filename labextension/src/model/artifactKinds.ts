import type { Artifact } from '../api/types';

/** How an artifact is previewed. */
export type Preview = 'image' | 'table' | 'json' | 'notebook' | 'html' | 'text' | 'none';

/** Bytes of a file that are fetched to show its beginning. */
export const TEXT_BEGINNING = 256 * 1024;
/** Bytes up to which a file that can only be shown whole is fetched. */
export const WHOLE_MOST: Partial<Record<Preview, number>> = {
  image: 32 * 2 ** 20,
  html: 8 * 2 ** 20,
  notebook: 16 * 2 ** 20,
  json: 2 * 2 ** 20
};

const IMAGES = /\.(png|jpe?g|gif|webp|svg|bmp)$/i;
const TABLES = /\.(csv|tsv)$/i;

export function previewOf(artifact: Artifact): Preview {
  const { path, media_type: type } = artifact;
  if (path.endsWith('.ipynb')) {
    return 'notebook';
  }
  if (IMAGES.test(path)) {
    return 'image';
  }
  if (TABLES.test(path)) {
    return 'table';
  }
  if (type === 'application/json' || path.endsWith('.json')) {
    return 'json';
  }
  if (type === 'text/html') {
    return 'html';
  }
  if (type.startsWith('text/') || artifact.preview) {
    return 'text';
  }
  return 'none';
}

/** The type that a picture is shown as, whatever the server calls it. */
export function imageType(path: string): string {
  const suffix = (IMAGES.exec(path)?.[1] ?? 'png').toLowerCase();
  return (
    { jpg: 'image/jpeg', jpeg: 'image/jpeg', svg: 'image/svg+xml' }[suffix] ??
    `image/${suffix}`
  );
}

/** "1.5 kB": as file managers write it. */
export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
