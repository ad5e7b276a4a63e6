import { randomBytes } from 'node:crypto';
import { startEdgeNode, viewOf, type EdgeNode } from '../helpers/edge.js';
import { allOf, atMostMs, exactly, none, type ChaosRow, type Finding } from '../row.js';
import { type Browser } from '../../support/cookie-jar.js';

const FIFTEEN_KB = 15_000;
/** Far beyond what a request takes, far below a hang. */
const HANG_MS = 2000;

const token = (): string => randomBytes(36).toString('base64url').slice(0, 47);

/** Headers around the user's own cookie, which is to be found in each. */
function around(own: string): string[] {
  return [
    `a=${'x'.repeat(FIFTEEN_KB)}; ${own}`,
    `${own}; ${'b=c; '.repeat(FIFTEEN_KB / 5)}`,
    `sid=bad; ${own}`,
    `${own}; sid=bad`,
    `sid=${token()}; ${own}`,
    `sid=; sid; =; ;;; ${own}`,
    `sid="quoted; ${own}; x="`,
    `__proto__=1; constructor=2; ${own}`,
    `sid=%00%E0%A4; ${own}`,
  ];
}

/** Headers that bring nobody's session. */
function nobodys(): string[] {
  return [
    `sid=${'A'.repeat(FIFTEEN_KB)}`,
    `sid=${token()}; `.repeat(300),
    'sid='.repeat(3000),
    `sid=${token()}.${token()}`,
    `sid="${'\\"'.repeat(5000)}`,
    `${'='.repeat(FIFTEEN_KB)}`,
    `${';'.repeat(FIFTEEN_KB)}`,
    'sid=%E0%A4%A; sid=%; sid=\u00e9',
    'SID=x; sid =x; $Version=1; sid,sid=x',
  ];
}

/** Names that break objects that are used as maps, and names that are the session's own. */
const PLAIN = [
  '__proto__',
  'constructor',
  'toString',
  'then',
  'toJSON',
  '',
  'a.b',
  '\0',
  '@id',
  '@v',
  '@@',
  'hasOwnProperty',
  'ö\u200b',
  'n'.repeat(10_000),
];
const OWN = ['id', 'principal', 'save', 'destroy', 'authenticate', 'isNew'];

async function cookies(node: EdgeNode, user: Browser): Promise<Finding[]> {
  const own = user.jar.header('/') ?? '';
  let [found, anonymous, longest] = [0, 0, 0];
  const wrong: string[] = [];
  const ask = async (cookie: string): Promise<string | null | undefined> => {
    const startedAt = performance.now();
    const { status, json } = await node.browser().get('/read', { cookie });
    longest = Math.max(longest, performance.now() - startedAt);
    if (status !== 200) wrong.push(`${status} for ${cookie.slice(0, 12)}…`);
    return status === 200 ? json<{ who: string | null }>().who : undefined;
  };
  for (const header of around(own)) if ((await ask(header)) === 'ann') found += 1;
  for (const header of nobodys()) if ((await ask(header)) === null) anonymous += 1;
  return [
    allOf('hostile headers with a good cookie: found', found, around(own).length),
    allOf('hostile headers without one: anonymous', anonymous, nobodys().length),
    none('answers other than 200', wrong),
    atMostMs('longest answer', longest, HANG_MS),
  ];
}

async function names(user: Browser): Promise<Finding[]> {
  const entries = [...PLAIN, ...OWN, '\ud800'].map((name, at) => [name, `value ${at}`] as const);
  const answer = await user.post('/set', { entries });
  const refused = new Map(answer.status === 200 ? answer.json<[string, string][]>() : []);
  const stored = new Map((await viewOf(user)).entries);
  const kept = entries.filter(([name, value]) => PLAIN.includes(name) && stored.get(name) === value);
  const denied = OWN.filter((name) => refused.get(name) === 'SESSION_RESERVED_MEMBER');
  return [
    allOf('hostile attribute names: stored and read again', kept.length, PLAIN.length),
    allOf("the session's own names: refused with a clear error", denied.length, OWN.length),
    exactly('names that are no text: stored', stored.has('\ud800'), false),
    exactly('still logged in', (await viewOf(user)).who, 'ann'),
  ];
}

export const row: ChaosRow = {
  row: 21,
  fault: 'cookie header of 15 KB, duplicates, malformed; hostile attribute names',
  on: 'standalone',
  run: async (context) => {
    const node = await startEdgeNode(context);
    const user = await node.loggedIn();
    return [
      ...(await cookies(node, user)),
      ...(await names(user)),
      exactly('unhandled rejections', (await node.vitals()).unhandled, 0),
    ];
  },
};
