/** The goals of the project, as ratios in one run. */

const onBoth = (goal) => ['express', 'fastify'].map((adapter) => ({ ...goal, adapter }));

export const GOALS = [
  ...onBoth({ workload: 'no session', name: 'module', against: 'none+interceptor', atLeast: 0.97 }),
  ...onBoth({ workload: 'no session', name: 'module-hold', against: 'none', atLeast: 0.97 }),
  ...onBoth({ workload: 'read', name: 'module', against: 'raw+interceptor', atLeast: 0.9 }),
  ...onBoth({ workload: 'change', name: 'module', against: 'raw+interceptor', atLeast: 0.85 }),
  { workload: 'read', adapter: 'express', name: 'module', against: 'express-session', atLeast: 2 },
  { workload: 'change', adapter: 'express', name: 'module', against: 'express-session', atLeast: 1.8 },
  { workload: 'read', adapter: 'fastify', name: 'module', against: '@fastify/session', atLeast: 4 },
  { workload: 'change', adapter: 'fastify', name: 'module', against: '@fastify/session', atLeast: 2 },
  { workload: 'change 256 KiB', adapter: 'express', name: 'module', against: 'express-session', atLeast: 5 },
  {
    workload: 'change 256 KiB',
    adapter: 'fastify',
    name: 'module',
    against: '@fastify/session',
    atLeast: 5,
  },
  {
    workload: 'change 256 KiB',
    adapter: 'fastify',
    name: 'module',
    against: '@mgcrea/fastify-session',
    atLeast: 5,
  },
  ...onBoth({ workload: 'read', name: 'module-signed', against: 'module', atLeast: 0.97 }),
  ...onBoth({ workload: 'change', name: 'module-signed', against: 'module', atLeast: 0.97 }),
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
