/** Calls back after some milliseconds, unless the function it returns is called before. Keeps no process alive. */
export type Timer = (milliseconds: number, call: () => void) => () => void;

/** Time as it passes. */
export const realTimer: Timer = (milliseconds, call) => {
  const timeout = setTimeout(call, milliseconds);
  timeout.unref();
  return () => clearTimeout(timeout);
};
