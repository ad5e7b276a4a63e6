import 'reflect-metadata';
import fc from 'fast-check';
import { programs } from './arbitraries.js';
import { Judge } from './judge.js';
import { STATES, type State } from './program.js';
import { TARGETS, type TargetName } from './targets/index.js';
const [name = 'bare', count = '200', seed = '1', mode = 'plain'] = process.argv.slice(2);
const judge = await Judge.of(TARGETS[name as TargetName]);
const start = performance.now();
const kinds = new Map<string, number>();
let shown = 0,
  bad = 0;
for (const program of fc.sample(programs, { numRuns: Number(count), seed: Number(seed) })) {
  const findings =
    mode === 'plain'
      ? await judge.comparePlain(program)
      : await judge.compare(program, mode === 'all' ? STATES : [mode as State]);
  if (findings.length) bad++;
  for (const f of findings)
    for (const d of f.differences) {
      const key = `${f.state} ${d.kind}`;
      kinds.set(key, (kinds.get(key) ?? 0) + 1);
      if (shown++ < Number(process.env.SHOW ?? 6))
        console.log(JSON.stringify(program), '\n', f.way, f.state, JSON.stringify(d, null, 1).slice(0, 1500));
    }
}
console.log(
  name,
  mode,
  'programs',
  count,
  'differing',
  bad,
  'ms each',
  (performance.now() - start) / Number(count),
);
console.log(
  [...kinds]
    .sort()
    .map(([k, n]) => `${k}: ${n}`)
    .join('\n'),
);
process.exit();
