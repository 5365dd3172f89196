import { MenuSvg } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';

export interface IMenuItem {
  label: string;
  /** What does the same from the keyboard, as a hint. */
  shortcut?: string;
  enabled?: boolean;
  toggled?: boolean;
  execute: () => void;
}

/** Open a menu that is made for this moment; null is a line between items. */
export function openMenu(
  items: readonly (IMenuItem | null)[],
  x: number,
  y: number,
  closed: () => void = () => undefined
): void {
  const commands = new CommandRegistry();
  const menu = new MenuSvg({ commands });
  menu.addClass('jp-mlops-menu');
  items.forEach((item, index) => {
    if (!item) {
      menu.addItem({ type: 'separator' });
      return;
    }
    const { toggled, enabled, shortcut } = item;
    commands.addCommand(String(index), {
      label: shortcut ? `${item.label}  (${shortcut})` : item.label,
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => enabled ?? true,
      isToggleable: toggled !== undefined,
      isToggled: () => toggled ?? false,
      execute: item.execute
    });
    menu.addItem({ command: String(index) });
  });
  menu.aboutToClose.connect(() => {
    // The command runs only after the menu has closed.
    window.requestAnimationFrame(() => {
      menu.dispose();
      closed();
    });
  });
  menu.open(x, y);
}
