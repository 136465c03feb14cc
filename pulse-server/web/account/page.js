// What the pages have in common: the token of their link, forms, what is said.
import { tokenIn, wordsFor } from './words.js';

/** @typedef {import('./words.js').Problem} Problem */

/**
 * The token that this page was opened with. It is taken out of the address bar and the history.
 * @returns {string | null}
 */
export function takeToken() {
  const token = tokenIn(location.hash);
  if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search);
  // Another link that is opened here changes the fragment alone.
  addEventListener('hashchange', () => location.reload());
  return token;
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function part(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

/**
 * Says something; `done`: that all is done, so that who reads the page is led there.
 * @param {string} text
 * @param {boolean} done
 */
export function say(text, done = false) {
  const said = part('said', HTMLElement);
  said.toggleAttribute('data-done', done);
  said.textContent = text;
  if (done) said.focus();
}

/**
 * Says what went wrong.
 * @param {string} text
 */
export function complain(text) {
  say('');
  part('wrong', HTMLElement).textContent = text;
}

/**
 * Shows one of the forms, or none.
 * @param {HTMLFormElement | null} shown
 */
export function showForm(shown) {
  for (const form of document.forms) form.hidden = form !== shown;
  part('wrong', HTMLElement).textContent = '';
}

/**
 * Carries out `action` when a form is sent, one at a time.
 * @param {HTMLFormElement} form
 * @param {() => Promise<void>} action
 */
export function onSubmit(form, action) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (form.ariaBusy === 'true') return;
    for (const input of inputs(form)) mark(input, '');
    part('wrong', HTMLElement).textContent = '';
    if (missing(form)) return;
    form.ariaBusy = 'true';
    say('One moment…');
    try {
      await action();
    } finally {
      form.ariaBusy = 'false';
    }
  });
}

/**
 * What is in a field.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function value(form, name) {
  return inputs(form).find((input) => input.name === name)?.value ?? '';
}

/**
 * Says what is wrong with a field, and leads there.
 * @param {HTMLFormElement} form
 * @param {string} name
 * @param {string} text
 * @returns {boolean} whether there is such a field
 */
export function faultAt(form, name, text) {
  const input = inputs(form).find((one) => one.name === name);
  if (!input) return false;
  say('');
  mark(input, text);
  input.focus();
  return true;
}

/**
 * Says why the API did not do it, at the fields where it names them.
 * @param {HTMLFormElement} form
 * @param {Problem} problem
 * @param {Record<string, string>} own see `wordsFor`
 */
export function refused(form, problem, own = {}) {
  // The last one gets the focus, which is the first of the page.
  const elsewhere = [...problem.errors].reverse().filter(({ pointer, detail }) => !faultAt(form, pointer.slice(1), detail));
  if (problem.errors.length === 0) complain(wordsFor(problem, own));
  else if (elsewhere.length > 0) complain(elsewhere.map(({ detail }) => detail).join(' '));
}

/** @param {HTMLFormElement} form */
function missing(form) {
  const empty = inputs(form).filter((input) => input.required && input.value.trim() === '');
  for (const input of empty.reverse()) faultAt(form, input.name, 'Fill this in.');
  return empty.length > 0;
}

/** @param {HTMLFormElement} form */
function inputs(form) {
  return [...form.elements].filter((one) => one instanceof HTMLInputElement);
}

/**
 * @param {HTMLInputElement} input
 * @param {string} text
 */
function mark(input, text) {
  const error = document.getElementById(`${input.id}-error`);
  if (error) error.textContent = text;
  if (text) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}
