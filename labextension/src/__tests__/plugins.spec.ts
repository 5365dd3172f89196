import plugins, { CommandIDs } from '../index';

/** Each plugin can be named in JupyterLab's settings and says what it is for. */
describe('the plugins', () => {
  it.each(plugins.map(plugin => [plugin.id, plugin] as const))('%s', (id, plugin) => {
    expect(id).toMatch(/^jupyter-mlops:[a-z-]+$/);
    expect(plugin.description).toMatch(/\.$/);
    expect(plugin.autoStart).toBe(true);
  });

  it('have different ids', () => {
    expect(new Set(plugins.map(plugin => plugin.id)).size).toBe(plugins.length);
  });
});

/** Menus and shortcuts in schema/ refer to commands by these. */
test('command ids carry the name of the extension', () => {
  for (const id of Object.values(CommandIDs)) {
    expect(id).toMatch(/^jupyter-mlops:[a-z-]+$/);
  }
});
