import { type Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';

type Deliver = () => void;

interface Item {
  readonly deliver: Deliver;
  due: boolean;
}

/** One direction of a proxied connection: hands on bytes and ends in order, each after its delay, none while held. */
export class Pipe {
  private readonly queue: Item[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private held = false;
  private abandoned = false;

  /** `delayMs` is asked anew for each piece that arrives. */
  constructor(
    from: Socket,
    to: Socket,
    private readonly delayMs: () => number,
  ) {
    from.on('data', (bytes) => this.put(() => to.write(bytes)));
    from.on('end', () => this.put(() => to.end()));
    from.on('close', (hadError) => this.put(() => (hadError ? to.resetAndDestroy() : to.destroySoon())));
  }

  /** Holds everything back, or lets go what is due. */
  hold(held: boolean): void {
    this.held = held;
    this.flush();
  }

  /** Drops what waits, and whatever comes later. */
  abandon(): void {
    this.abandoned = true;
    this.queue.length = 0;
    for (const timer of this.timers) clearTimeout(timer);
  }

  private put(deliver: Deliver): void {
    if (this.abandoned) return;
    const delay = this.delayMs();
    const item: Item = { deliver, due: delay <= 0 };
    this.queue.push(item);
    if (!item.due) {
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        item.due = true;
        this.flush();
      }, delay);
      this.timers.add(timer);
    }
    this.flush();
  }

  /** Only the head may leave: a shorter delay set later must not let bytes overtake. */
  private flush(): void {
    while (!this.held && this.queue[0]?.due) this.queue.shift()?.deliver();
  }
}
