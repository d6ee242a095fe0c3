import { describe, expect, it } from 'vitest';
import { READ_BYTES_MAX } from '../../src/shim/tap-cutter.ts';
import { ANSWER_WAIT_MS, SETTLE_MS, TapWindow } from '../../src/shim/tap-window.ts';

function fullWindow(): TapWindow {
  const window = new TapWindow();
  expect(window.waitMs(READ_BYTES_MAX, 0, false)).toBe(0);
  window.wrote(READ_BYTES_MAX, 0);
  return window;
}

describe('what waits in a socket for the new relay', () => {
  it('is no more than one read returns, and goes on as answers come', () => {
    const window = fullWindow();
    expect(window.waitMs(1, 10, false)).toBe(ANSWER_WAIT_MS - 10);
    window.answered(100, 10);
    expect(window.waitMs(100, 10, true)).toBe(0);
    expect(window.waitMs(101, 10, true)).toBe(ANSWER_WAIT_MS);
  });

  it('may always be one piece, however long', () => {
    expect(new TapWindow().waitMs(READ_BYTES_MAX + 1, 0, false)).toBe(0);
  });

  it('is given up when a relay that had answered stands still for long', () => {
    const window = fullWindow();
    window.answered(100, 1_000);
    expect(window.waitMs(200, 1_001, true)).toBe(ANSWER_WAIT_MS - 1);
    expect(window.waitMs(200, 1_000 + ANSWER_WAIT_MS, true)).toBe(0);
  });

  it('is given up soon when the relay answers other things but never this', () => {
    const window = fullWindow();
    expect(window.waitMs(1, 0, false)).toBe(ANSWER_WAIT_MS);
    expect(window.waitMs(1, 0, true)).toBe(SETTLE_MS);
    expect(window.waitMs(1, SETTLE_MS, true)).toBe(0);
    window.wrote(READ_BYTES_MAX, SETTLE_MS);
    // It answers after all: it is waited for from now on.
    window.answered(1, SETTLE_MS);
    expect(window.waitMs(2, SETTLE_MS, true)).toBe(ANSWER_WAIT_MS);
  });
});
