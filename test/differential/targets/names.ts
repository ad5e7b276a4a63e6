/** The kinds of application that programs are run in. */
export const TARGET_NAMES = ['bare', 'express', 'fastify'] as const;

export type TargetName = (typeof TARGET_NAMES)[number];
