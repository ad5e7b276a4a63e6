import { ServerResponse } from 'node:http';

/** What starts or ends a response. */
export interface HeldMethods {
  writeHead: (statusCode: number, ...rest: unknown[]) => ServerResponse;
  write: (...args: Parameters<ServerResponse['write']>) => boolean;
  end: (...args: Parameters<ServerResponse['end']>) => ServerResponse;
  flushHeaders: () => void;
}
const NAMES = ['writeHead', 'write', 'end', 'flushHeaders'] as const satisfies (keyof HeldMethods)[];

/** A place between a response and whoever writes to it. */
export interface HoldingPlace {
  /** What leads past it. */
  readonly before: HeldMethods;
  /** From now on calls lead to these, and past us where there is none. */
  lead(ours: Partial<HeldMethods>): void;
}

/** The place on one response: the one prepared for it, or over whatever is there (compression, timing, another hold). */
export function holdingPlace(response: ServerResponse): HoldingPlace {
  const lead = vacantLead(response);
  return lead === undefined ? new OwnMethods(response) : new PreparedMethods(lead);
}

/** Where the methods of a prepared response lead: to Node's own as long as nobody holds it. */
interface Lead {
  to: HeldMethods | undefined;
}

/** Of an object, since to change a property takes Express's responses 1 µs. None where the methods were copied elsewhere. */
const HOLD = Symbol('nestjs-redis-session:hold');
type PreparedResponse = ServerResponse & { [HOLD]?: Lead };

/** Asked for one by one when they are called: tracing tools put others there. */
const NODE = ServerResponse.prototype as unknown as HeldMethods;

const PREPARED: HeldMethods & ThisType<PreparedResponse> = {
  writeHead(...args) {
    return (this[HOLD]?.to ?? NODE).writeHead.apply(this, args);
  },
  write(...args) {
    return (this[HOLD]?.to ?? NODE).write.apply(this, args);
  },
  end(...args) {
    return (this[HOLD]?.to ?? NODE).end.apply(this, args);
  },
  flushHeaders() {
    (this[HOLD]?.to ?? NODE).flushHeaders.call(this);
  },
};

/**
 * Makes room for a hold on a response that no framework has seen yet. Express gives each response another prototype, and
 * to add a property after that takes V8 some 4 µs and 2 KB of garbage each, a twentieth of a small request in all;
 * before it, next to nothing. Not needed where the framework leaves responses as they are.
 */
export function prepareResponse(response: ServerResponse): void {
  // What somebody has put there already is not to be covered up for requests that use no session.
  if (!isMadeOf(response as HeldMethods, NODE)) return;
  putAll(response as HeldMethods, PREPARED);
  (response as PreparedResponse)[HOLD] = { to: undefined };
}

/** That of a response which is as it was prepared, and which nobody holds. */
function vacantLead(response: PreparedResponse): Lead | undefined {
  if (!isMadeOf(response as HeldMethods, PREPARED)) return undefined;
  const lead = response[HOLD];
  return lead?.to === undefined ? lead : undefined;
}

function isMadeOf(response: HeldMethods, methods: HeldMethods): boolean {
  return (
    response.writeHead === methods.writeHead &&
    response.write === methods.write &&
    response.end === methods.end &&
    response.flushHeaders === methods.flushHeaders
  );
}

class PreparedMethods implements HoldingPlace {
  readonly before = NODE;
  readonly #lead: Lead;

  constructor(lead: Lead) {
    this.#lead = lead;
  }

  lead({ writeHead, write, end, flushHeaders }: Partial<HeldMethods>): void {
    this.#lead.to = {
      writeHead: writeHead ?? NODE.writeHead,
      write: write ?? NODE.write,
      end: end ?? NODE.end,
      flushHeaders: flushHeaders ?? NODE.flushHeaders,
    };
  }
}

class OwnMethods implements HoldingPlace {
  readonly before: HeldMethods;
  readonly #response: HeldMethods;
  #ours: Partial<HeldMethods> = {};

  constructor(response: ServerResponse) {
    const { writeHead, write, end, flushHeaders } = (this.#response = response as HeldMethods);
    this.before = { writeHead, write, end, flushHeaders };
  }

  /** What somebody else put over ours since stays there, and passes through us. */
  lead(ours: Partial<HeldMethods>): void {
    if (isWhole(ours)) putAll(this.#response, ours);
    else for (const name of NAMES) this.#leadOne(name, ours[name]);
    this.#ours = ours;
  }

  #leadOne<N extends keyof HeldMethods>(name: N, ours: HeldMethods[N] | undefined): void {
    if (ours !== undefined) this.#response[name] = ours;
    else if (this.#response[name] === this.#ours[name]) this.#response[name] = this.before[name];
  }
}

function isWhole(methods: Partial<HeldMethods>): methods is HeldMethods {
  return NAMES.every((name) => methods[name] !== undefined);
}

/**
 * Each response with a session pays for these. Written out, since V8 makes a slow dictionary of an object that many
 * properties are added to by computed names; and assigned, which is several times as fast as defining a property.
 */
function putAll(response: HeldMethods, { writeHead, write, end, flushHeaders }: HeldMethods): void {
  response.writeHead = writeHead;
  response.write = write;
  response.end = end;
  response.flushHeaders = flushHeaders;
}
