const ALONE = 'read one at a time';
/** What browsers do to the applications. `kib`: size of the sessions it needs; undefined: none. `connections`: if not as many as usual. */
const read = { method: 'GET', path: '/read' };
const change = { method: 'POST', path: '/change' };

/** @type {Record<string, { about: string, requests: { method: string, path: string }[], kib?: number, connections?: number }>} */
export const WORKLOADS = {
  'no session': { about: 'route that uses no session', requests: [{ method: 'GET', path: '/plain' }] },
  'anonymous read': { about: 'asks for a session; the browser has none', requests: [read] },
  read: { about: 'reads a small attribute', requests: [read], kib: 0 },
  change: { about: 'changes a small attribute', requests: [change], kib: 0 },
  'read 10 KiB': { about: 'the same, the session holds 10 KiB more', requests: [read], kib: 10 },
  'change 10 KiB': { about: 'the same, the session holds 10 KiB more', requests: [change], kib: 10 },
  'read 256 KiB': { about: 'the same, the session holds 256 KiB more', requests: [read], kib: 256 },
  'change 256 KiB': { about: 'the same, the session holds 256 KiB more', requests: [change], kib: 256 },
  login: { about: 'logs in without having had a session', requests: [{ method: 'POST', path: '/login' }] },
  '90/10': {
    about: '9 reads of a small attribute, then 1 change',
    requests: [...Array(9).fill(read), change],
    kib: 0,
  },
  [ALONE]: {
    about: 'reads a small attribute, one request at a time',
    requests: [read],
    kib: 0,
    connections: 1,
  },
};

/** Variants are measured where they can differ. */
const SMALL = ['no session', 'read', 'change'];
/** Compared with what does the same round trips and nothing else. */
const IN_ALONE = ['module', 'module-hold', 'module-other', 'raw', 'raw+interceptor'];

export function takesPart(contestant, workload) {
  if (workload === ALONE) return IN_ALONE.includes(contestant);
  if (contestant.startsWith('none')) return ['no session', 'anonymous read'].includes(workload);
  if (['module-other', 'module-hold', 'module-other-hold'].includes(contestant)) return true;
  if (contestant === 'module-memory' || contestant === 'module-json') return workload !== 'no session';
  return !contestant.startsWith('module-') || SMALL.includes(workload);
}
