import { connect, type NetConnectOpts } from 'node:net';
import { causeOfReply, type Cause } from './failure.js';

/** A server that has something to say says it at once. */
const PATIENCE_MS = 250;

/**
 * Why a server hangs up, if it says so: one that has too many clients answers a new one before it is asked anything, and
 * closes. Whoever writes to it meanwhile, as every client does, gets a broken pipe and never reads the answer, so this
 * one only listens. Never rejects.
 */
export function lastWordsOf(address: NetConnectOpts): Promise<Cause | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...address, timeout: PATIENCE_MS });
    const done = (words?: Cause): void => {
      socket.destroy();
      resolve(words);
    };
    socket.once('data', (bytes) => {
      const [, refusal] = /^-([^\r\n]{1,200})/.exec(bytes.toString('latin1')) ?? [];
      done(refusal === undefined ? undefined : causeOfReply(refusal));
    });
    for (const end of ['error', 'timeout', 'close']) socket.once(end, () => done());
  });
}
