// Verifies an address when the button is pressed: what scans mails opens links, and must not use the token up.
import { post } from './api.js';
import { complain, onSubmit, part, refused, say, showForm, takeToken } from './page.js';

const token = takeToken();
const form = part('verify', HTMLFormElement);
// Where an address is registered twice before it is verified, neither password is kept.
const again = part('again', HTMLElement);

if (token === null) complain('Open the link in the mail again.');
else showForm(form);

onSubmit(form, async () => {
  const { problem } = await post('v1/auth/email/verify', { token });
  if (problem === null) {
    showForm(null);
    again.hidden = false;
    say('The address is verified. You can log in now.', true);
  } else if (problem.code === 'invalid_token') {
    showForm(null);
    again.hidden = false;
    complain('This link was used already or has expired.');
  } else {
    refused(form, problem);
  }
});
