/** The element of index.html with this id. A missing one is a mistake in the page, found on the first load. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} #${id}`);
  return element;
}

/** Shows another symbol of the page's sprite in a button. */
export function setIcon(button: HTMLButtonElement, symbol: string): void {
  button.querySelector('use')?.setAttribute('href', `#i-${symbol}`);
}
