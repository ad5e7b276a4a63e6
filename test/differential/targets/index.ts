import { bare } from './bare.js';
import { express } from './express.js';
import { fastify } from './fastify.js';
import type { TargetName } from './names.js';
import type { Target } from './target.js';

export const TARGETS: Readonly<Record<TargetName, Target>> = { bare, express, fastify };
