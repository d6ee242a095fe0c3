import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeStatus } from '../../src/monitor/make-status.ts';
import { plainLine, terminalLine } from '../../src/monitor/line.ts';
import { liveStatus, lossyStatus, RECORDING, relay, sampleAt, statusOf } from './sample.ts';

const WIDE = { width: 1_000, colour: false };

describe('the line', () => {
  it('tells clients, rates, lag, spool, gaps, bytes and size', () => {
    const busy = liveStatus({
      streams: {
        client: { seenBytes: 2_048_000, recordedBytes: 0, gapBytes: 0, frames: 2_511 },
        old: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 10_031 },
        new: { seenBytes: 0, recordedBytes: 0, gapBytes: 0, frames: 21 },
      },
    });
    const status = makeStatus(RECORDING, sampleAt(3_723, busy), sampleAt(3_721));
    expect(terminalLine(status, WIDE)).toBe(
      '3 clients | frames/s client 1,250 old 5,000 new 0 | no gaps | mirror up to date | spool 1 % | ' +
        'seen 2.0 MiB | file 120.6 KiB | 1:02:03',
    );
  });

  it('tells what is lost and what is wrong before anything else', () => {
    const trouble = 'the new relay did not\naccept \u001b[2J';
    const live = { ...lossyStatus(), relays: { old: relay(1), new: { ...relay(1), trouble } } };
    expect(terminalLine(statusOf(live), WIDE)).toBe(
      'the new relay did not accept  [2J | 3 clients | frames/s client 0 old 0 new 0 | NOT RECORDED 600 B | ' +
        'EVENTS LOST 8 | not mirrored 2.0 KiB | mirror 6.5 s behind, 6.8 KiB waiting | spool 91 % | ' +
        'seen 5.9 KiB | file 120.6 KiB | 1:02:03',
    );
  });

  it('never is wider than the terminal, with or without colours, and loses its end first', () => {
    const full = terminalLine(statusOf(lossyStatus()), WIDE);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.boolean(), (width, colour) => {
        const line = terminalLine(statusOf(lossyStatus()), { width, colour });
        const seen = stripVTControlCharacters(line);
        expect(seen.length).toBeLessThanOrEqual(width);
        expect(full.startsWith(seen.replace('…', ''))).toBe(true);
        if (!colour) expect(seen).toBe(line);
      }),
    );
  });

  it('is complete and dated in a log', () => {
    const line = plainLine(statusOf(lossyStatus()));
    expect(line).toBe(`2023-11-14T23:15:23.000Z ${terminalLine(statusOf(lossyStatus()), WIDE)}`);
  });
});
