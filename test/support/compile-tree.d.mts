/** Gives back a source as it shall be compiled; `file` is its path from the root. */
export type EditSource = (file: string, source: string) => string;

/** Plain JavaScript, since `test/chaos/start.mjs` needs it before anything is compiled. */
export function compileTree(target: string, paths: readonly string[], edit?: EditSource): Promise<void>;
