/** Short turns of several contestants, which make a round. */
import { median } from './statistics.js';

/**
 * Lets everybody take so many turns, one after the other; another one begins each time, so that nobody always follows the
 * same one.
 * @returns {Promise<Map<object, object[]>>} what `fire(contest, turn)` made of each turn.
 */
export async function inTurns(contests, count, first, fire) {
  const taken = new Map(contests.map((contest) => [contest, []]));
  for (let turn = 0; turn < count; turn += 1) {
    const begin = (first + turn) % contests.length;
    for (const contest of [...contests.slice(begin), ...contests.slice(0, begin)])
      taken.get(contest).push(await fire(contest, turn));
  }
  return taken;
}

/** What the turns of a round come to: all their requests in all their time, and the median of their percentiles. */
export function together(turns) {
  const sum = (figure) => turns.reduce((total, turn) => total + figure(turn), 0);
  const requests = sum((turn) => turn.requests);
  const answered = turns.filter((turn) => turn.requests > 0);
  return {
    rps: requests / sum((turn) => turn.seconds),
    cpu: sum((turn) => turn.cpuMicroseconds) / requests,
    redisCpu: sum((turn) => turn.redisMicroseconds) / requests,
    p50: median(answered.map((turn) => turn.p50)),
    p99: median(answered.map((turn) => turn.p99)),
  };
}
