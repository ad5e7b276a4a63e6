import type { ExpressSession } from 'nestjs-redis-session/express';

declare global {
  namespace Express {
    interface Request {
      session: ExpressSession<{ cart?: string[] }>;
      sessionID: string;
    }
  }
}
