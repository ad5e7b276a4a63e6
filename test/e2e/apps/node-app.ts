import { Controller, Post } from '@nestjs/common';
import { Session, type HttpSession } from 'nestjs-redis-session';
import { createNode, listen } from '../../support/node-main.js';

/** What a visit answers. */
export interface VisitAnswer {
  readonly pid: number;
  readonly who: string | null;
  readonly count: number;
  readonly visits: readonly number[];
  readonly since: number;
}

interface Visits {
  count?: number;
  visits?: number[];
  since?: Date;
}

/** One node of a cluster, in a process of its own; its settings come from the environment, as in production. */
@Controller()
class NodeController {
  @Post('login')
  async login(@Session() session: HttpSession<Visits>): Promise<void> {
    session.since = new Date();
    await session.authenticate('ada');
  }

  @Post('visit')
  visit(@Session() session: HttpSession<Visits>): VisitAnswer {
    const count = (session.count ?? 0) + 1;
    session.count = count;
    session.visits ??= [];
    session.visits.push(count);
    return {
      pid: process.pid,
      who: session.principal ?? null,
      count,
      visits: session.visits,
      since: session.since?.getTime() ?? 0,
    };
  }
}

await listen(await createNode({ controllers: [NodeController] }));
