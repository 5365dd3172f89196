import type { Locator } from '@playwright/test';

import { faults } from './axe';
import type { Lab, Mlops } from './support';
import { code, expect, test } from './support';

const IMG = '<img src=x onerror=alert(1)>';

/** What `GET /runs/…/diff/…/data` and its like tell of whether the runs are known. */
interface IDiff {
  known?: boolean[];
  before?: object | null;
  after?: object | null;
}

/** A run of a notebook that imports a module and reads a file, both of the same folder. */
async function run(
  mlops: Mlops,
  name: string,
  { cell, module, data }: { cell: string; module: string; data: string }
): Promise<string> {
  const contents = [
    ['layers.py', module],
    ['points.csv', data]
  ] as const;
  for (const [file, text] of contents) {
    await mlops.write(file, text);
  }
  const path = await mlops.notebook('train.ipynb', [
    code('import layers\nrows = open("points.csv").read()'),
    code(cell)
  ]);
  const { id } = await mlops.submit(path, { name });
  await mlops.reaches(id, 'succeeded');
  await expect.poll(async () => (await mlops.job(id)).tracking.run_id).toBeTruthy();
  return (await mlops.job(id)).tracking.run_id ?? '';
}

/** Two runs between which all but the packages changed, once what they were made of is recorded. */
async function changed(mlops: Mlops): Promise<[string, string]> {
  const runs: [string, string] = [
    await run(mlops, 'before', {
      cell: 'rate = 0.1\nprint("the rate is", rate)',
      module: 'WIDTH = 32\n',
      data: 'x,y\n1,2\n'
    }),
    await run(mlops, 'after', {
      cell: `rate = 0.2  # ${IMG}\nprint("the rate is", rate)`,
      module: `WIDTH = 64\nNOTE = "${IMG}"\n`,
      data: 'x,y\n1,2\n3,4\n'
    })
  ];
  for (const part of ['notebook', 'packages', 'code', 'data']) {
    await expect
      .poll(
        async () => {
          const diff = await mlops.get<IDiff>(`runs/${runs[0]}/diff/${runs[1]}/${part}`);
          return diff.known ?? [!!diff.before, !!diff.after];
        },
        { timeout: 60_000 }
      )
      .toEqual([true, true]);
  }
  return runs;
}

/** The Changes tab of two runs' comparison. */
async function open(lab: Lab, runs: readonly string[]): Promise<Locator> {
  await lab.page.evaluate(given => {
    void window.jupyterapp.commands.execute('mlops:compare-runs', {
      runs: given,
      tab: 'changes'
    });
  }, runs);
  const view = lab.page.locator('.jp-mlops-changes:visible');
  await expect(view.getByRole('tab', { name: 'Notebook' })).toBeVisible();
  return view;
}

/** Old and new of a diff's lines. */
const lines = (view: Locator, op: '+' | '-') =>
  view.locator(op === '+' ? '.jp-mlops-diff ins' : '.jp-mlops-diff del');

/** Cells and outputs, modules, data: what changed is shown, what did not is said; all as text. */
test('two runs tell what changed between them', async ({ page, lab, mlops }) => {
  test.slow();
  const runs = await changed(mlops);
  const view = await open(lab, runs);
  const tab = (name: string) => view.getByRole('tab', { name });
  await expect(tab('Notebook')).toHaveAccessibleName(/1 change$/);
  const cell = view.locator('.jp-mlops-change').first();
  await expect(cell).toHaveAttribute('data-change', 'changed');
  await expect(lines(cell, '-').first()).toContainText('rate = 0.1');
  await expect(lines(cell, '+').first()).toContainText(`rate = 0.2  # ${IMG}`);
  // What the cell put out changed with it.
  await expect(cell).toContainText('the rate is 0.2');
  await expect(view.getByText('1 unchanged cell')).toBeVisible();

  await view.getByRole('button', { name: 'Side by side' }).click();
  await expect(view.locator('.jp-mlops-diff').first()).toHaveAttribute(
    'data-layout',
    'split'
  );
  await expect(lines(cell, '+').first()).toContainText(IMG);

  // The other way round, old is new.
  await view.getByRole('button', { name: 'Swap the two runs' }).click();
  await expect(lines(cell, '+').first()).toContainText('rate = 0.1');
  await view.getByRole('button', { name: 'Swap the two runs' }).click();
  await expect(lines(cell, '-').first()).toContainText('rate = 0.1');

  // By keyboard: from tab to tab, and from change to change.
  await tab('Notebook').focus();
  await page.keyboard.press('ArrowRight');
  await expect(tab('Packages')).toBeFocused();
  await expect(view.getByText('The packages are the same.')).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(tab('Code')).toBeFocused();
  const file = view.locator('.jp-mlops-change').filter({ hasText: 'layers.py' });
  await expect(lines(file, '-').first()).toContainText('WIDTH = 32');
  await expect(lines(file, '+').first()).toContainText('WIDTH = 64');
  await page.keyboard.press('Alt+ArrowDown');
  const head = file.getByRole('button', { name: 'layers.py' });
  await expect(head).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(head).toHaveAttribute('aria-expanded', 'false');
  await expect(lines(file, '-')).toHaveCount(0);

  await tab('Data').click();
  const row = view.getByRole('row').filter({ hasText: 'points.csv' });
  await expect(row).toContainText('Changed');
  await expect(row.locator('code')).toHaveCount(2);
  await expect(page.locator('img[onerror]')).toHaveCount(0);
});

/** What can't be had is said, and can be asked for again; the other parts are there. */
test('a part that could not be compared is asked for again', async ({
  page,
  lab,
  mlops
}) => {
  test.slow();
  const runs = await changed(mlops);
  let refused = true;
  await page.route(/\/diff\/.*\/code/, async route => {
    if (refused) {
      const problem = { code: 'busy', detail: 'Too much is asked.', hint: 'Wait.' };
      await route.fulfill({
        status: 503,
        contentType: 'application/problem+json',
        body: JSON.stringify(problem)
      });
    } else {
      await route.continue();
    }
  });
  const view = await open(lab, runs);
  await view.getByRole('tab', { name: 'Code' }).click();
  await expect(view.getByRole('alert')).toContainText('Too much is asked.');
  await view.getByRole('tab', { name: 'Data' }).click();
  await expect(view.getByRole('row').filter({ hasText: 'points.csv' })).toBeVisible();
  await view.getByRole('tab', { name: 'Code' }).click();
  refused = false;
  await view.getByRole('button', { name: 'Try again' }).click();
  await expect(
    view.locator('.jp-mlops-change').filter({ hasText: 'layers.py' })
  ).toBeVisible();
});

/** With every part that differs, and one where one run tells nothing. */
test('axe finds nothing in what changed', async ({ page, lab, mlops }) => {
  test.slow();
  const runs = await changed(mlops);
  // One environment runs all tests, so that packages differ is made up.
  await page.route(/\/diff\/.*\/packages/, route =>
    route.fulfill({
      json: {
        known: [true, true],
        python: ['3.11.9', '3.12.1'],
        packages: [
          { name: 'numpy', change: 'changed', before: '1.26', after: '2.0', step: 'major' },
          { name: 'scipy', change: 'added', before: null, after: '1.14', step: '' },
          { name: 'torch', change: 'removed', before: '2.4', after: null, step: '' }
        ],
        equal: 40,
        changes: 4,
        notes: ['Packages without a version were left out.']
      }
    })
  );
  const view = await open(lab, runs);
  for (const theme of ['Light', 'Dark']) {
    await page.theme.setTheme(`JupyterLab ${theme}`);
    for (const layout of ['Unified', 'Side by side']) {
      await view.getByRole('tab', { name: 'Notebook' }).click();
      await view.getByRole('button', { name: layout }).click();
      for (const part of ['Notebook', 'Packages', 'Code', 'Data']) {
        await view.getByRole('tab', { name: part }).click();
        await expect(
          view.locator('.jp-mlops-change, .jp-mlops-changes-table').first()
        ).toBeVisible();
        expect(
          await faults(page, '.jp-mlops-comparison'),
          `${theme} ${layout} ${part}`
        ).toEqual([]);
      }
    }
  }
});
