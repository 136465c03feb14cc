// Accepts an invitation: logs in, accepts, and logs out again. Nothing of the log-in stays in the browser.
import { post } from './api.js';
import { complain, faultAt, onSubmit, part, refused, say, showForm, takeToken, value } from './page.js';
import { passwordFault, record } from './words.js';

const OPEN_AGAIN = 'Open the link in the mail again.';
const LOGIN_WORDS = {
  unauthenticated: 'Address or password is wrong, or the address is not verified yet: a link to verify it was sent when you registered.',
};
const ACCEPT_WORDS = {
  invalid_token:
    'The invitation was used already, taken back or has expired, or was sent to another address. Ask whoever sent it for another one.',
  conflict: 'You are a member of this organization already.',
};

const token = takeToken();
const login = part('login', HTMLFormElement);
const register = part('register', HTMLFormElement);
const second = part('second', HTMLElement);

if (token === null) complain(OPEN_AGAIN);
else showForm(login);

part('newcomer', HTMLButtonElement).addEventListener('click', () => change(register, 'register-name'));
part('known', HTMLButtonElement).addEventListener('click', () => change(login, 'login-email'));

/**
 * Shows the other form.
 * @param {HTMLFormElement} form
 * @param {string} first the field to begin with
 */
function change(form, first) {
  showForm(form);
  say('');
  part(first, HTMLInputElement).focus();
}

onSubmit(login, async () => {
  const email = value(login, 'email').trim();
  const code = value(login, 'code').trim();
  const credentials = { email, password: value(login, 'password') };
  const entered = await post('v1/auth/login', code === '' ? credentials : { ...credentials, code });
  if (entered.problem !== null) {
    if (entered.problem.code === 'second_factor_required') askForCode(code !== '');
    else refused(login, entered.problem, LOGIN_WORDS);
    return;
  }
  const accepted = await post('v1/invitations/accept', { token }, String(entered.value['access_token']));
  await post('v1/auth/logout', { refresh_token: entered.value['refresh_token'] });
  if (accepted.problem !== null) {
    refused(login, accepted.problem, ACCEPT_WORDS);
    return;
  }
  login.reset();
  showForm(null);
  const name = record(accepted.value['organization'])['name'];
  const role = record(accepted.value['membership'])['role'];
  say(`You are a member of “${name}” now, as ${role}.`, true);
});

/** @param {boolean} wrong whether one was given */
function askForCode(wrong) {
  second.hidden = false;
  part('login-code', HTMLInputElement).value = '';
  faultAt(login, 'code', wrong ? 'This code is not right.' : 'Your account has a second factor: enter a code.');
}

onSubmit(register, async () => {
  const { name, email, password } = { name: value(register, 'name').trim(), email: value(register, 'email').trim(), password: value(register, 'password') };
  const fault = passwordFault(password);
  if (fault !== null) {
    faultAt(register, 'password', fault);
    return;
  }
  const { problem } = await post('v1/auth/register', { name, email, password });
  if (problem !== null) {
    refused(register, problem);
    return;
  }
  register.reset();
  showForm(login);
  part('login-email', HTMLInputElement).value = email;
  say('Follow the link in the mail that was sent to you, in another tab. Then log in here, or open the invitation’s link again.', true);
});
