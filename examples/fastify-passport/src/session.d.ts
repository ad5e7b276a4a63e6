import type { FastifySession } from 'nestjs-redis-session/fastify';

declare module 'fastify' {
  interface FastifyRequest {
    session: FastifySession<{ cart?: string[]; passport?: number }>;
  }
  interface PassportUser {
    id: number;
    name: string;
  }
}
