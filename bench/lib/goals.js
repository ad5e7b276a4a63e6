/**
 * The goals of the project, as ratios in one run: how many requests a second of ours for one of theirs (`atLeast`), or how much of
 * another figure (`atMost`). Of each, the module with its defaults (`module`) and with `globalInterceptor: false`
 * (`module-hold`).
 */

/** The Node versions that decide; others are measured for comparison. */
export const DECIDING_NODES = [20, 24];

const onBoth = (goal) => ['express', 'fastify'].map((adapter) => ({ ...goal, adapter }));

/** Goals against a peer, `[default, hold]` for each workload. */
function againstPeer(adapter, against, atLeast) {
  return Object.entries(atLeast).flatMap(([workload, [byDefault, hold]]) => [
    { workload, adapter, name: 'module', against, atLeast: byDefault },
    { workload, adapter, name: 'module-hold', against, atLeast: hold },
  ]);
}

/** What a peer does to Redis is GET and EXPIRE to read, and SET EX to change. */
function redisCpu(adapter, against) {
  return [
    { workload: 'read', adapter, name: 'module', against, figure: 'redisCpu', atMost: 2 },
    { workload: 'change', adapter, name: 'module', against, figure: 'redisCpu', atMost: 5 },
  ];
}

const LARGE = 'change 256 KiB';
const ALL = { login: [1, 1.1], '90/10': [1.3, 1.5] };

export const GOALS = [
  ...againstPeer('express', 'express-session', { read: [1.35, 1.5], change: [1.15, 1.3], ...ALL }),
  ...againstPeer('fastify', '@fastify/session', { read: [1.35, 1.7], change: [1.05, 1.25], ...ALL }),
  ...againstPeer('fastify', '@mgcrea/fastify-session', { read: [1.3, 1.6], change: [1.5, 1.9], ...ALL }),
  ...onBoth({ workload: 'read one at a time', name: 'module', against: 'raw+interceptor', atLeast: 0.85 }),
  ...onBoth({ workload: 'read one at a time', name: 'module-hold', against: 'raw', atLeast: 0.95 }),
  ...onBoth({ workload: 'no session', name: 'module-hold', against: 'none', atLeast: 0.97 }),
  ...redisCpu('express', 'express-session'),
  ...redisCpu('fastify', '@fastify/session'),
  { workload: LARGE, adapter: 'express', name: 'module', against: 'express-session', atLeast: 5 },
  { workload: LARGE, adapter: 'fastify', name: 'module', against: '@fastify/session', atLeast: 5 },
  { workload: LARGE, adapter: 'fastify', name: 'module', against: '@mgcrea/fastify-session', atLeast: 5 },
];

/** Whether somebody's figure decides a goal. */
export function isInGoal(workload, adapter, name) {
  return GOALS.some(
    (goal) =>
      goal.workload === workload && goal.adapter === adapter && (goal.name === name || goal.against === name),
  );
}

/** The goals that growth.js measures. */
export const GROWTH_GOALS = [
  {
    about: 'read with 10^6 stored sessions against 10^3',
    goal: '≥ 0.95',
    figure: 'storedRatio',
    digits: 2,
    met: (ratio) => ratio >= 0.95,
  },
  {
    about: 'bytes of memory per anonymous session of 200 bytes',
    goal: '≤ 1500',
    figure: 'anonymousBytes',
    digits: 0,
    met: (bytes) => bytes <= 1500,
  },
];
