/** The default of a switch over all cases: the compiler refuses a case that was forgotten. */
export function assertNever(value: never): never {
  throw new Error(`Unhandled case: ${String(value)}`);
}
