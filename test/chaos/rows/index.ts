import { type ChaosRow } from '../row.js';
import { row as killed } from './01-killed.js';
import { row as paused } from './02-paused.js';
import { row as latency } from './03-latency.js';
import { row as full } from './04-full.js';
import { row as noWrites } from './05-no-writes.js';
import { row as refused } from './06-refused.js';
import { row as emptied } from './07-emptied.js';
import { row as loadingBusy } from './08-loading-busy.js';
import { row as failover } from './09-failover.js';
import { row as cluster } from './10-cluster.js';
import { row as halfOpen } from './11-half-open.js';
import { row as replies } from './12-replies.js';
import { row as aborts } from './13-aborts.js';
import { row as throws } from './14-throws.js';
import { row as everyWayOut } from './15-ways-out.js';
import { row as lateWrite } from './16-late-write.js';
import { row as sigterm } from './17-sigterm.js';
import { row as rolling } from './18-rolling.js';
import { row as clocks } from './19-clocks.js';
import { row as corrupt } from './20-corrupt.js';
import { row as hostileCookies } from './21-hostile-cookies.js';
import { row as tooBig } from './22-too-big.js';
import { row as oneSession } from './23-one-session.js';
import { row as flood } from './24-flood.js';
import { row as memoryMode } from './25-memory.js';
import { row as stalledNode } from './26-stalled-node.js';
import { row as clusterClocks } from './27-cluster-clocks.js';
import { row as responses } from './28-responses.js';
import { row as streams } from './29-streams.js';
import { row as lostLogin } from './30-lost-login.js';
import { row as guests } from './31-guests.js';
import { row as eventsGone } from './32-events.js';

/** The fault matrix, in its order. */
export const rows: readonly ChaosRow[] = [
  killed,
  paused,
  latency,
  full,
  noWrites,
  refused,
  emptied,
  loadingBusy,
  failover,
  cluster,
  halfOpen,
  replies,
  aborts,
  throws,
  everyWayOut,
  lateWrite,
  sigterm,
  rolling,
  clocks,
  corrupt,
  hostileCookies,
  tooBig,
  oneSession,
  flood,
  memoryMode,
  stalledNode,
  clusterClocks,
  responses,
  streams,
  lostLogin,
  guests,
  eventsGone,
];
