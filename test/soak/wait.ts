/** Waiting, outside of the test runner: for a moment that the traffic itself needs, and for what must come true. */
const UNTIL_MS_MAX = 60_000;
const LOOK_MS = 5;

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Fails, with what it waited for, when that does not come true within a minute. */
export async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + UNTIL_MS_MAX;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`in vain: ${what}`);
    await pause(LOOK_MS);
  }
}
