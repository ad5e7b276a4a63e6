import { html, type Html } from './html.js';

/** The log-in form, with what was wrong with the last try. */
export function loginForm(faults: readonly string[] = []): Html {
  return html`<form class="card" method="post" action="/login">
    ${faults.map((fault) => html`<p class="error" role="alert">${fault}</p>`)}
    <label>Name <input name="name" autocomplete="username" required maxlength="40" /></label>
    <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
    <button>Log in</button>
    <p class="soft">
      Any name will do. The password of this demo is <code>tea</code>; that of <code>keeper</code>, who sees
      everybody’s sessions, is <code>kettle</code>.
    </p>
  </form>`;
}
