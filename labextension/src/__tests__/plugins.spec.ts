import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ServerConnection } from '@jupyterlab/services';
import { CommandRegistry } from '@lumino/commands';

import formSettings from '../../schema/form.json';
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

describe('the commands', () => {
  let commands: CommandRegistry;

  beforeAll(async () => {
    commands = new CommandRegistry();
    const app = {
      commands,
      serviceManager: { serverSettings: ServerConnection.makeSettings() },
      shell: { add: () => undefined, activateById: () => undefined },
      contextMenuHitTest: () => undefined,
      restored: new Promise(() => undefined)
    } as unknown as JupyterFrontEnd;
    const find = (name: string): JupyterFrontEndPlugin<unknown> => {
      const found = plugins.find(plugin => plugin.id === `jupyter-mlops:${name}`);
      if (!found) {
        throw new Error(`There is no plugin ${name}.`);
      }
      return found;
    };
    const places = await find('places').activate(app, null, null, null);
    const jobs = await find('model').activate(app, places);
    for (const name of [
      'panel',
      'form',
      'document',
      'run',
      'runs',
      'experiments',
      'comparison',
      'reports'
    ]) {
      // Optional services are absent, as in a smaller application than JupyterLab.
      await find(name).activate(app, jobs, places, null, null);
    }
  });

  it('are those that are promised, and no others', () => {
    expect(commands.listCommands().sort()).toEqual(Object.values(CommandIDs).sort());
  });

  it.each(Object.values(CommandIDs))('%s says what it does and takes', async id => {
    expect(id).toMatch(/^(jupyter-)?mlops:[a-z-]+$/);
    expect(commands.label(id)).not.toBe('');
    const { args } = await commands.describedBy(id);
    expect(args?.type).toBe('object');
    for (const property of Object.values((args?.properties ?? {}) as object)) {
      expect((property as { description: string }).description).not.toBe('');
    }
  });

  it('are the only ones that menus, toolbars and shortcuts refer to', () => {
    const named = [...JSON.stringify(formSettings).matchAll(/"command":"([^"]+)"/g)].map(
      match => match[1]
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter(id => !commands.hasCommand(id))).toEqual([]);
  });
});
