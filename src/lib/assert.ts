/** Assertions stay on in production: a failed one is a bug of relaydiff, never of its input. */

/** Exit code 70: the CLI reports a bug with its stack and asks for a report. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Closes an exhaustive switch; the compiler proves that it is never reached. */
export function assertNever(value: never, what: string): never {
  throw new AssertionFailure(`unexpected ${what}: ${String(value)}`);
}

/** For look-ups that the code around it has made certain. */
export function defined<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionFailure(`missing ${what}`);
  return value;
}
