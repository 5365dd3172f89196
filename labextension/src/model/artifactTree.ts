import type { Artifact, ArtifactList } from '../api/types';

/** One line of the tree as it is shown. */
export interface ITreeRow {
  readonly artifact: Artifact;
  readonly name: string;
  readonly depth: number;
  readonly open: boolean;
}

/** A line that stands for what isn't (yet) there. */
export interface ITreeNote {
  readonly note: 'loading' | 'cut' | 'empty';
  readonly depth: number;
  readonly path: string;
}

export type TreeLine = ITreeRow | ITreeNote;

/** The tree's lines from top to bottom: of every directory that is open, what is known of it. */
export function treeLines(
  listings: ReadonlyMap<string, ArtifactList>,
  open: ReadonlySet<string>
): TreeLine[] {
  const lines: TreeLine[] = [];
  const add = (path: string, depth: number) => {
    const listing = listings.get(path);
    if (!listing) {
      lines.push({ note: 'loading', depth, path });
      return;
    }
    for (const artifact of listing.artifacts) {
      const isOpen = artifact.directory && open.has(artifact.path);
      const name = artifact.path.slice(path ? path.length + 1 : 0);
      lines.push({ artifact, name, depth, open: isOpen });
      if (isOpen) {
        add(artifact.path, depth + 1);
      }
    }
    if (listing.cut) {
      lines.push({ note: 'cut', depth, path });
    } else if (!listing.artifacts.length) {
      lines.push({ note: 'empty', depth, path });
    }
  };
  add('', 0);
  return lines;
}

export function isRow(line: TreeLine): line is ITreeRow {
  return 'artifact' in line;
}

/** The index of the directory that a line lies in; the line itself at the top. */
export function parentOf(lines: readonly TreeLine[], index: number): number {
  const { depth } = lines[index];
  for (let above = index - 1; above >= 0; above--) {
    if (lines[above].depth < depth) {
      return above;
    }
  }
  return index;
}
