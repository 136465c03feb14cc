import type { Choice } from '../engine.ts';
import { byId } from './dom.ts';

/** A button and the menu it opens (WAI-ARIA menu button pattern with radio items). */
export class Menu {
  readonly #button: HTMLButtonElement;
  readonly #menu: HTMLElement;
  readonly #select: (id: number) => void;
  #shown = '';

  constructor(name: string, select: (id: number) => void) {
    this.#button = byId(name, HTMLButtonElement);
    this.#menu = byId(`${name}-menu`, HTMLElement);
    this.#select = select;
    this.#button.addEventListener('click', () => (this.#menu.hidden ? this.#open() : this.close()));
    this.#menu.addEventListener('keydown', (event) => this.#onKey(event));
    document.addEventListener('pointerdown', (event) => {
      const target = event.target as Node;
      if (!this.#menu.contains(target) && !this.#button.contains(target)) this.close();
    });
    this.#menu.addEventListener('focusout', (event) => {
      if (event.relatedTarget instanceof Node && !this.#menu.contains(event.relatedTarget)) this.close();
    });
  }

  get open(): boolean {
    return !this.#menu.hidden;
  }

  /** @param least the menu is offered from this many choices on */
  offer(choices: readonly Choice[], least: number): void {
    this.#button.hidden = choices.length < least;
    if (this.#button.hidden) this.close();
    const key = JSON.stringify(choices);
    // Rebuilding an unchanged menu would take the focus away from an open one.
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = this.#items().indexOf(document.activeElement as HTMLButtonElement);
    this.#menu.replaceChildren(...choices.map((choice) => this.#item(choice)));
    if (focused >= 0) this.#items()[focused]?.focus();
  }

  close(): void {
    if (this.#menu.hidden) return;
    const hadFocus = this.#menu.contains(document.activeElement);
    this.#menu.hidden = true;
    this.#button.setAttribute('aria-expanded', 'false');
    if (hadFocus) this.#button.focus();
  }

  #open(): void {
    this.#menu.hidden = false;
    this.#button.setAttribute('aria-expanded', 'true');
    const items = this.#items();
    (items.find((item) => item.ariaChecked === 'true') ?? items[0])?.focus();
  }

  #items(): HTMLButtonElement[] {
    return [...this.#menu.querySelectorAll('button')];
  }

  #item(choice: Choice): HTMLButtonElement {
    const item = document.createElement('button');
    item.type = 'button';
    item.tabIndex = -1;
    item.setAttribute('role', 'menuitemradio');
    item.ariaChecked = String(choice.selected);
    const mark = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    use.setAttribute('href', '#i-check');
    mark.append(use);
    mark.setAttribute('aria-hidden', 'true');
    item.append(mark, choice.label);
    item.addEventListener('click', () => {
      this.#select(choice.id);
      this.close();
    });
    return item;
  }

  #onKey(event: KeyboardEvent): void {
    const items = this.#items();
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: (at + 1) % items.length,
      ArrowUp: (at - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    const target = targets[event.key];
    if (target !== undefined) items[target]?.focus();
    else if (event.key === 'Escape') this.close();
    else if (event.key === 'Tab') return this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
