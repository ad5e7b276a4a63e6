import { bare, bare2 } from './bare.js';
import { express } from './express.js';
import { fastify, fastify2 } from './fastify.js';
import type { TargetName } from './names.js';
import type { Target } from './target.js';

export const TARGETS: Readonly<Record<TargetName, Target>> = { bare, express, fastify, bare2, fastify2 };
