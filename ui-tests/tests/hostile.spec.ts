import { code, expect, markdown, parameters, test } from './support';

const IMG = '<img src=x onerror=alert(1)>';
const SCRIPT = '<script>alert(2)</script>';

/** Attacks 36 and 38: whatever a notebook or a request says is text, nowhere code. */
test('a36 a38: HTML and script in every text stay text', async ({ page, lab, mlops }) => {
  const path = await mlops.notebook(`${IMG}.ipynb`, [
    markdown(`# Title ${IMG} ${SCRIPT}`),
    parameters(`word = "none"  # ${IMG}`),
    code(`print(${JSON.stringify(`printed ${IMG} ${SCRIPT}`)}, word)`),
    code(
      `from IPython.display import HTML, Javascript, display\n` +
        `display(HTML(${JSON.stringify(`<b>bold</b>${IMG}${SCRIPT}`)}))\n` +
        `display(Javascript("alert(3)"))`
    ),
    code(`raise ValueError(${JSON.stringify(`raised ${IMG} ${SCRIPT}`)})`)
  ]);
  // The form, where the notebook's own texts stand.
  await lab.openForm(path);
  await expect(lab.form).toContainText(IMG);
  await lab.form.getByLabel('Job name').fill(`name ${IMG} ${SCRIPT}`);
  await lab.form.getByRole('textbox', { name: 'word' }).fill(`value ${IMG}`);
  await lab.form.getByText('More options').click();
  await lab.form.getByLabel('Tags').fill(`${IMG.replace(/=/g, '')}=${SCRIPT}`);
  await lab.form.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(lab.form).toHaveCount(0);

  await lab.showPanel();
  await expect(lab.state).toHaveText('Failed');
  await expect(lab.document.getByRole('heading', { level: 2 })).toHaveText(
    `name ${IMG} ${SCRIPT}`
  );
  await expect(lab.row('name')).toContainText(`name ${IMG} ${SCRIPT}`);
  await expect(lab.toast('name')).toContainText(`name ${IMG}`);
  await expect(lab.document.getByRole('alert')).toContainText(`raised ${IMG} ${SCRIPT}`);
  await expect(
    lab.document.getByText(`printed ${IMG} ${SCRIPT} value ${IMG}`)
  ).toBeVisible();
  await expect(lab.document.locator('[data-mlops-status="failed"]')).toContainText(
    `raised ${IMG} ${SCRIPT}`
  );
  // HTML outputs are sanitized until the person trusts them.
  await expect(lab.document.locator('.jp-OutputArea b', { hasText: 'bold' })).toBeVisible();
  await expect(lab.document.locator('img[onerror]')).toHaveCount(0);
  await expect(lab.document.locator('.jp-OutputArea script')).toHaveCount(0);

  for (const [tab, text] of [
    ['Log', `printed ${IMG} ${SCRIPT}`],
    ['Parameters', `value ${IMG}`],
    ['Details', SCRIPT]
  ]) {
    await lab.document.getByRole('tab', { name: tab }).click();
    await expect(lab.document.getByRole('tabpanel', { name: tab })).toContainText(text);
  }
  await lab.panel.getByRole('button', { name: 'Group by notebook' }).click();
  await expect(lab.row(`${IMG}.ipynb`)).toBeVisible();
  await expect(page.locator('img[onerror]')).toHaveCount(0);
});

/** What the person trusts runs, and what is not yet trusted doesn't. */
test('outputs run their scripts only once trusted', async ({ page, lab, mlops }) => {
  const path = await mlops.notebook('rich.ipynb', [
    code(
      `from IPython.display import HTML\n` +
        `HTML("<b>rich</b><script>document.body.dataset.ran = 'yes'</script>")`
    )
  ]);
  const job = await mlops.submit(path);
  await mlops.reaches(job.id, 'succeeded');
  await lab.openJob(job.id);
  await expect(lab.document.locator('.jp-OutputArea b')).toHaveText('rich');
  await expect(page.locator('body[data-ran]')).toHaveCount(0);
  await lab.document.getByRole('button', { name: 'Trust outputs' }).click();
  await expect(page.locator('body[data-ran="yes"]')).toHaveCount(1);
  await expect(
    lab.document.getByRole('button', { name: 'Trusted', exact: true })
  ).toBeDisabled();
});
