/** What a V8 profile says: nodes of the call tree, and where they are from. */

/** Nodes of a CPU profile, each with `self` (µs) and `parent`. */
export function cpuFrames(profile) {
  const byId = new Map(profile.nodes.map((node) => [node.id, { ...node, self: 0 }]));
  profile.samples.forEach((id, index) => (byId.get(id).self += profile.timeDeltas[index]));
  for (const node of byId.values()) for (const child of node.children ?? []) byId.get(child).parent = node;
  return [...byId.values()];
}

/** The same of an allocation profile, in bytes. */
export function allocationFrames(node, parent) {
  const frame = { callFrame: node.callFrame, self: node.selfSize, parent };
  return [frame, ...node.children.flatMap((child) => allocationFrames(child, frame))];
}

/** Those in which something is done, but for the profiler's own beginning and end. */
export function busyFrames(frames) {
  return frames.filter(
    ({ callFrame: { url, functionName } }) =>
      !['(idle)', '(program)', '(root)'].includes(functionName) &&
      !(url === '' && functionName === 'dispatch'),
  );
}

export function sums(list, keyOf) {
  const total = new Map();
  for (const node of list) total.set(keyOf(node), (total.get(keyOf(node)) ?? 0) + node.self);
  return total;
}

export function packageOf({ callFrame: { url, functionName } }) {
  if (url === '') return functionName.startsWith('(') ? functionName : 'V8';
  if (url.startsWith('node:')) return url;
  const [, found] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  return found ?? (url.includes('/dist/') ? 'this library' : 'the application');
}

export function placeOf({ callFrame: { url, functionName, lineNumber } }) {
  const place = url.replace(/.*\/node_modules\//, '').replace(/.*\/dist\//, 'dist/');
  return `${functionName || '(anonymous)'}  ${place}${url === '' ? '' : `:${lineNumber + 1}`}`;
}
