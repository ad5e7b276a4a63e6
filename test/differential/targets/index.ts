import { bare } from './bare.js';
import { express } from './express.js';
import { fastify } from './fastify.js';
import type { Target } from './target.js';

export const TARGETS = { bare, express, fastify } as const satisfies Record<string, Target>;

export type TargetName = keyof typeof TARGETS;
