import { Inject, Injectable } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';
import { SessionService } from 'nestjs-redis-session';

/** Counts the requests of a session and not of an address, which many users may share. */
@Injectable()
export class SessionThrottlerGuard extends ThrottlerGuard {
  @Inject(SessionService) private readonly sessions!: SessionService;

  protected override async getTracker(request: Parameters<SessionService['of']>[0]): Promise<string> {
    const session = await this.sessions.of(request);
    // Or a new visitor would have another id with each request.
    session.keep();
    return session.id;
  }
}
