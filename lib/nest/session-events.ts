import { Subject, type Observable } from 'rxjs';
import { rejectedChannel, type SessionRejectedMessage } from '../core/diagnostics.js';
import type { SessionEvent, SessionEvents } from '../core/events.js';
import type { RejectionLog } from '../core/rejection-log.js';

/** Hands events to the application, and rejections and dropped changes to the log. */
export class SessionEventStream implements SessionEvents {
  readonly #subject = new Subject<SessionEvent>();
  readonly #rejections: RejectionLog;

  constructor(rejections: RejectionLog) {
    this.#rejections = rejections;
  }

  get stream(): Observable<SessionEvent> {
    return this.#subject.asObservable();
  }

  emit(event: SessionEvent): void {
    if (event.type === 'rejected' || event.type === 'dropped') this.#rejections.note(event);
    if (event.type === 'rejected' && rejectedChannel.hasSubscribers) {
      const { reason, id } = event;
      rejectedChannel.publish({ reason, id } satisfies SessionRejectedMessage);
    }
    this.#subject.next(event.origin === undefined ? { ...event, origin: 'here' } : event);
  }

  /** Tells what is still untold, and ends the stream. */
  close(): void {
    this.#rejections.flush();
    this.#subject.complete();
  }
}
