import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { SessionService } from 'nestjs-redis-session';
import { NodeInfo } from '../pages/node-info.js';
import { type ShopSession } from './shop-session.js';

const PREPARATION_MS = 3000;

/**
 * Prepares orders in the background: the request is long answered when the job writes to its session.
 * The jobs are timers of this process, so a node that is killed loses them; a real shop has a queue.
 */
@Injectable()
export class Kitchen implements BeforeApplicationShutdown {
  private readonly logger = new Logger(Kitchen.name);
  private readonly jobs = new Map<string, { timer: NodeJS.Timeout; orderNumber: string }>();

  constructor(
    private readonly sessions: SessionService,
    private readonly node: NodeInfo,
  ) {}

  /** Starts an order. It is marked ready some seconds later, in the session of that id. */
  prepare(sessionId: string, orderNumber: string): void {
    clearTimeout(this.jobs.get(sessionId)?.timer);
    const timer = setTimeout(() => void this.finish(sessionId), PREPARATION_MS);
    this.jobs.set(sessionId, { timer, orderNumber });
  }

  /** A node that is asked to stop hands out what it has in hand; sessions can still be saved at this moment. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.jobs.keys()].map((sessionId) => this.finish(sessionId)));
  }

  private async finish(sessionId: string): Promise<void> {
    const job = this.jobs.get(sessionId);
    if (job === undefined) return;
    clearTimeout(job.timer);
    this.jobs.delete(sessionId);
    try {
      const session = await this.sessions.open<ShopSession>(sessionId);
      // The customer has logged out, or ordered again elsewhere: this order is no longer anybody's.
      if (session?.order?.number !== job.orderNumber) return;
      session.order.status = 'ready';
      session.order.readyAt = new Date();
      session.order.preparedBy = this.node.name;
      await session.save();
    } catch (error) {
      this.logger.error(`Order ${job.orderNumber} could not be marked ready.`, error);
    }
  }
}
