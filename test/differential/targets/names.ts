/** The kinds of application that programs are run in, and where in each a handler can be. */
export const WAYS = {
  bare: ['handler'],
  express: ['middleware', 'controller'],
  fastify: ['hijacked', 'controller', 'middleware', 'reply'],
} as const;

export type TargetName = keyof typeof WAYS;

export const TARGET_NAMES = Object.keys(WAYS) as TargetName[];
