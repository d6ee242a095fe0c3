/** Remarks in a result: counted for each side, held side by side at a pair, bounded, and without a say in the verdict. */
import { describe, expect, it } from 'vitest';
import type { DiffResult } from '../../src/diff/types.ts';
import { withoutRemarks } from '../../src/report/remarks.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import { concat, testFrame } from '../support/frames.ts';
import { delivers, diffScenario, type Scenario, sends } from './support.ts';

/** A Trade as the registry and the struct have it; its last byte is padding. */
const TRADE_BYTES = 40;

function trade(
  sequence: number,
  change: Partial<{ padding: number; zero: boolean }> = {},
): Uint8Array {
  const value = new Uint8Array(TRADE_BYTES);
  value[0] = sequence;
  value[32] = 100;
  value[34] = 51;
  value[39] = change.padding ?? 0;
  const checksum = change.zero === true ? 'zero' : 'valid';
  return testFrame(sequence, { payload: encodeTlv(1, value), checksum });
}

function forwarded(old: readonly Uint8Array[], neu: readonly Uint8Array[]): Scenario {
  return {
    steps: [...sends(1, ...old), ...delivers('old', [1], ...old), ...delivers('new', [1], ...neu)],
  };
}

const TEN: readonly Uint8Array[] = Array.from({ length: 10 }, (_, at) =>
  trade(at + 1, { zero: at < 6 }),
);

describe('the remarks of a result', () => {
  it('are counted by kind and message for each side, and leave the verdict alone', () => {
    const book = testFrame(20, { type: 3, valueBytes: 24 });
    const result = diffScenario(forwarded([...TEN, book], [...TEN, book]));
    expect(result.verdict).toBe('same');
    expect(result.remarks).toEqual([
      {
        kind: 'zero-checksum',
        subject: 'Trade',
        old: 6,
        new: 6,
        onlyOld: 0,
        onlyNew: 0,
        example: {
          connection: 1,
          side: 'old',
          ordinal: 0,
          path: 'header.checksum',
          detail: 'the publisher did not compute it',
        },
      },
      {
        kind: 'unfit-struct',
        subject: 'OrderBook',
        old: 1,
        new: 1,
        onlyOld: 0,
        onlyNew: 0,
        example: {
          connection: 1,
          side: 'old',
          ordinal: 10,
          path: 'tlv[0]',
          detail: '24 bytes are no OrderBookTLV (2456 bytes)',
        },
      },
    ]);
  });

  it('show at a pair what only one of its messages has', () => {
    const zeroed = trade(8, { zero: true });
    const result = diffScenario(forwarded(TEN, TEN.with(7, zeroed)));
    expect(result.divergences).toMatchObject([
      {
        kind: 'encoding',
        remarks: [
          {
            kind: 'zero-checksum',
            path: 'header.checksum',
            old: null,
            new: 'the publisher did not compute it',
          },
        ],
      },
    ]);
    expect(result.remarks).toMatchObject([
      { old: 6, new: 7, onlyOld: 0, onlyNew: 1, example: { side: 'new', ordinal: 7 } },
    ]);
  });

  it('put what one message alone has before what both have', () => {
    const [old, neu] = [trade(1, { zero: true }), trade(1, { zero: true, padding: 9 })];
    const [divergence] = diffScenario(forwarded([old], [neu])).divergences;
    expect(divergence?.remarks).toMatchObject([
      { kind: 'non-zero-padding', path: 'tlv[0].Trade._padding', old: null },
      { kind: 'zero-checksum', old: expect.any(String), new: expect.any(String) },
    ]);
  });

  it('of a message that is missing stand on the side that has it', () => {
    const [divergence] = diffScenario(forwarded(TEN, TEN.toSpliced(2, 1))).divergences;
    expect(divergence).toMatchObject({
      kind: 'missing',
      remarks: [{ kind: 'zero-checksum', old: 'the publisher did not compute it', new: null }],
    });
  });

  it('are bounded, whatever a message holds: fifty are listed, the others counted', () => {
    const unknown = (last: number): Uint8Array =>
      testFrame(1, {
        payload: concat(
          Array.from({ length: 2_000 }, (_, at) =>
            encodeTlv(150, Uint8Array.of(at === 1_999 ? last : 0)),
          ),
        ),
      });
    const [divergence] = diffScenario(forwarded([unknown(1)], [unknown(2)])).divergences;
    expect(divergence?.remarks).toHaveLength(50);
    // Of each message 1,000 are read; they stand at the same places.
    expect(divergence?.remarksOmitted).toBe(950 + 2 * 1_000);
  });

  it('share a row where there are too many sorts of messages, and none goes uncounted', () => {
    const frames = Array.from({ length: 300 }, (_, at) =>
      testFrame(at, {
        payload: concat(Array.from({ length: at + 1 }, () => encodeTlv(150, new Uint8Array(1)))),
        checksum: 'zero',
      }),
    );
    const { remarks = [] } = diffScenario(forwarded(frames, frames));
    expect(remarks.length).toBeLessThanOrEqual(202);
    for (const kind of ['zero-checksum', 'unknown-type']) {
      const rows = remarks.filter((row) => row.kind === kind);
      expect(rows.reduce((sum, row) => sum + row.old, 0)).toBe(300);
      expect(rows.filter((row) => row.subject === null)).toHaveLength(1);
    }
  });

  it('are all that hiding them takes out of a result', () => {
    const scenario = forwarded(TEN, [trade(1, { padding: 1 }), ...TEN.slice(2)]);
    const shown = diffScenario(scenario);
    const hidden = diffScenario(scenario, { remarks: false });
    const comparable = (result: DiffResult): unknown => JSON.parse(JSON.stringify(result));
    expect(shown.remarks?.length).toBeGreaterThan(0);
    expect(comparable(withoutRemarks(shown))).toEqual(comparable(hidden));
    expect(JSON.stringify(hidden)).not.toContain('emark');
  });
});
