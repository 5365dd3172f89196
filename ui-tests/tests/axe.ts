import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

/**
 * What axe finds at levels A and AA in a part of ours. Notebooks in it are JupyterLab's own view,
 * not ours to mend.
 */
export async function faults(page: Page, part: string): Promise<string[]> {
  const found = await new AxeBuilder({ page })
    .include(part)
    .exclude('.jp-Notebook')
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
    .analyze();
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(node => `${id}: ${node.html.slice(0, 200)}`)
  );
}
