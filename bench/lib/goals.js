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
