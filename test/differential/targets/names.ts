const FASTIFY = ['hijacked', 'controller', 'middleware', 'reply'] as const;

/** The kinds of application that programs are run in, and where in each a handler can be. With a 2: over HTTP/2. */
export const WAYS = {
  bare: ['handler'],
  express: ['middleware', 'controller'],
  fastify: FASTIFY,
  bare2: ['handler'],
  fastify2: FASTIFY,
} as const;

export type TargetName = keyof typeof WAYS;

export const TARGET_NAMES = Object.keys(WAYS) as TargetName[];
