import * as React from 'react';

/** The size of a node as it is shown, in pixels. */
export function useSize(node: React.RefObject<HTMLElement>): [number, number] {
  const [size, setSize] = React.useState<[number, number]>([0, 0]);
  React.useLayoutEffect(() => {
    const shown = node.current;
    if (!shown) {
      return;
    }
    const measure = () =>
      setSize(known =>
        known[0] === shown.clientWidth && known[1] === shown.clientHeight
          ? known
          : [shown.clientWidth, shown.clientHeight]
      );
    measure();
    if (typeof ResizeObserver === 'undefined') {
      return;
    }
    const observer = new ResizeObserver(measure);
    observer.observe(shown);
    return () => observer.disconnect();
  }, []);
  return size;
}

/** JupyterLab's theme; a canvas has to be painted again when it changes. */
export function useTheme(): string {
  const theme = () =>
    `${document.body.dataset.jpThemeName} ${document.body.dataset.jpThemeLight}`;
  const [known, setKnown] = React.useState(theme);
  React.useEffect(() => {
    // The theme's variables come with its style sheet, a moment after its name.
    const observer = new MutationObserver(() =>
      requestAnimationFrame(() => setKnown(theme()))
    );
    observer.observe(document.body, {
      attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light']
    });
    return () => observer.disconnect();
  }, []);
  return known;
}
