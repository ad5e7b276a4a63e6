import { expect, it } from '@jest/globals';
import { Ledger, type Answer, type Kind } from '../../chaos/helpers/ledger.js';

let at = 0;

/** One answer of a user; shown is who is logged in and the value that was there. */
function answer(
  kind: Kind,
  status: number,
  more: Partial<Answer> & { has?: [string | null, string | null] } = {},
): Answer {
  const { has, ...rest } = more;
  const shown = has && { id: 'id', who: has[0], value: has[1], count: null, pid: 1 };
  return { user: 'u', kind, status, ms: 1, startedAt: (at += 1), setsCookie: false, shown, ...rest };
}

const login = answer('login', 200, { setsCookie: true, sent: 'u#1', has: ['u', 'u#1'] });
const guestWrote = answer('write', 200, { setsCookie: true, sent: 'u#1', has: [null, null] });
const nobody = answer('read', 200, { has: [null, null] });

function ledgerOf(...answers: Answer[]): Ledger {
  const ledger = new Ledger();
  for (const one of answers) ledger.add(one);
  return ledger;
}

it.each([
  ['a login that is not there', [login, nobody]],
  ["a guest's write that is not there", [guestWrote, nobody]],
  [
    'a write that is not there',
    [
      login,
      answer('write', 200, { sent: 'u#2', has: ['u', 'u#1'] }),
      answer('read', 200, { has: ['u', 'u#1'] }),
    ],
  ],
  [
    'a write after a refused logout, whose cookie was sent',
    [login, answer('logout', 503), { ...guestWrote, sent: 'u#2' }, nobody],
  ],
  ['a write without a cookie, though nothing was refused', [{ ...guestWrote, setsCookie: false }, nobody]],
])('counts %s as lost', (_what, answers) => {
  expect(ledgerOf(...answers).lost).toHaveLength(1);
});

it.each([
  [
    'what a guest had, after a login that was refused',
    [guestWrote, answer('login', 503, { sent: 'u#2' }), nobody],
  ],
  ['a login, after a logout that was refused', [login, answer('logout', 503), nobody]],
  [
    'what a straggler wrote with the cookie of a session that has just ended',
    [login, answer('logout', 503), { ...guestWrote, setsCookie: false }, nobody],
  ],
])('does not miss %s', (_what, answers) => {
  expect(ledgerOf(...answers).lost).toEqual([]);
});

it('knows a refused write that was applied later', () => {
  const old = answer('read', 200, { has: ['u', 'u#1'] });
  const ledger = ledgerOf(
    login,
    answer('write', 503, { sent: 'u#2' }),
    old,
    answer('read', 200, { has: ['u', 'u#2'] }),
  );
  expect(ledger.zombies()).toEqual(['write of u (503)']);
  expect(ledger.lost).toEqual([]);
});

it('does not blame the last of several refused logouts: the first may have ended the session before the fault', () => {
  const first = answer('logout', 503);
  const fault = (at += 1);
  expect(ledgerOf(login, first, answer('logout', 503), nobody).zombies(fault)).toEqual([]);
  expect(ledgerOf(login, answer('logout', 503), nobody).zombies(fault)).toEqual(['logout of u (503)']);
});
