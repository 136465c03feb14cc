// Sets another password by the token of a link; without one, or with one that is used, has a link sent.
import { post } from './api.js';
import { complain, faultAt, onSubmit, part, refused, say, showForm, takeToken, value } from './page.js';
import { passwordFault } from './words.js';

const token = takeToken();
const choose = part('choose', HTMLFormElement);
const ask = part('ask', HTMLFormElement);
const show = part('show', HTMLInputElement);

showForm(token === null ? ask : choose);

show.addEventListener('change', () => {
  part('password', HTMLInputElement).type = show.checked ? 'text' : 'password';
});

onSubmit(choose, async () => {
  const password = value(choose, 'password');
  const fault = passwordFault(password);
  if (fault !== null) {
    faultAt(choose, 'password', fault);
    return;
  }
  const { problem } = await post('v1/auth/password/reset', { token, password });
  if (problem === null) {
    choose.reset();
    showForm(null);
    say('Your password is changed, and all log-ins have ended. Log in with the new password.', true);
  } else if (problem.code === 'invalid_token') {
    choose.reset();
    showForm(ask);
    complain('This link was used already or has expired. Have another one sent.');
    part('email', HTMLInputElement).focus();
  } else {
    refused(choose, problem);
  }
});

onSubmit(ask, async () => {
  const { problem } = await post('v1/auth/password/forgot', { email: value(ask, 'email').trim() });
  if (problem !== null) {
    refused(ask, problem);
    return;
  }
  showForm(null);
  say('If the address has an account, a mail with a link is on its way. The link works for an hour.', true);
});
