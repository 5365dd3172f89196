/** Colours in style/charts.css, told apart with any colour vision, in light and dark. */
export const COLOURS = 8;

/** When colours come again, dashes tell lines apart. */
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [9, 3, 2, 3], [1, 4]];

/** The CSS value of a series' colour. */
export function colourOf(style: number): string {
  return `var(--jp-mlops-series-${style % COLOURS})`;
}

export function dashesOf(style: number): readonly number[] {
  return DASHES[Math.floor(style / COLOURS) % DASHES.length];
}

/** The colours as a canvas takes them, of the theme that a node is shown in. */
export function resolvedColours(node: Element): string[] {
  const style = getComputedStyle(node);
  return Array.from({ length: COLOURS }, (_, index) =>
    style.getPropertyValue(`--jp-mlops-series-${index}`).trim()
  );
}
