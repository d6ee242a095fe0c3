import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import type { FieldValues } from '../../src/protocol/types.ts';
import {
  buildReportModel,
  describeFramesOnly,
  REPORT_LIMITS,
  type ReportContext,
} from '../../src/report/build-model.ts';
import type { DivergenceDetail, FieldRow, ReportModel } from '../../src/report/model.ts';
import { MARK, markBytes } from '../../src/report/page/byte-marks.ts';
import {
  changed,
  largeResult,
  makeResult,
  occurrence,
  sampleContext,
  sampleFrame,
  sampleModel,
  sampleResult,
  tradeTlv,
} from './sample-result.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';

const model = sampleModel();

function detailOf(id: string, from: ReportModel = model): DivergenceDetail {
  const detail = from.details[id];
  if (detail === undefined) throw new Error(`no detail of ${id}`);
  return detail;
}

function differing(detail: DivergenceDetail): string[] {
  return detail.fields.filter((row) => row.differs).map((row) => row.path);
}

function idOf(subject: string, kind: string): string {
  const found = sampleResult.divergences.find(
    (each) => each.subject === subject && each.kind === kind,
  );
  return found?.id ?? '';
}

function pairModel(old: Uint8Array, candidate: Uint8Array): DivergenceDetail {
  const result = makeResult([
    {
      kind: 'modified',
      severity: 'error',
      connection: 2,
      group: 'g2',
      old: occurrence(1, old),
      new: occurrence(1, candidate),
      identity: null,
      differences: [],
      detail: '',
      subject: '',
    },
  ]);
  return detailOf('d1', buildReportModel(result, sampleContext));
}

const trade = tradeTlv({ price: 100n, volume: 7n });

function rowsCoverOnce(rows: readonly FieldRow[], side: 'old' | 'new', length: number): boolean {
  let next = 0;
  for (const row of rows) {
    const half = row[side];
    if (half === null) continue;
    if (half.offset !== next) return false;
    next += half.length;
  }
  return next === length;
}

describe('two dialects', () => {
  const protocol = loadBuiltInProtocol();
  const frame = (name: string, change: FieldValues): Uint8Array => {
    const time = { 'torq-types': 'execution_timestamp_ns' }[name] ?? 'timestamp_ns';
    const same = {
      asset_id: '5',
      volume: '7',
      venue_id: 101,
      asset_type: 51,
      reserved: 0,
      side: 1,
    };
    const header = { relay_domain: 1, version: 1, source: 1, flags: 0, sequence: '1' };
    return encodeMessage(
      protocol.dialect(name),
      {
        header: { ...header, timestamp: '9' },
        tlvs: [{ type: 1, fields: { ...same, [time]: '3', ...change } }],
      },
      'zero',
    );
  };
  const described = (name: string): ReportContext['describe']['old'] => {
    const dialect = protocol.dialect(name);
    return describeFramesOnly(dialect.header, (bytes) => describeFrame(dialect, bytes, 'shared'));
  };

  it('have their fields side by side by name, and differ only where the meaning does', () => {
    const [old, neu] = [
      frame('alphapulse-v2-packed', { price: '1' }),
      frame('torq-types', { price: '2' }),
    ];
    const difference = {
      path: 'tlv[0].Trade.price',
      old: '1',
      new: '2',
      bytes: { offset: 46, length: 8 },
      class: 'semantic',
      note: 'a note',
    } as const;
    const result = makeResult([
      {
        kind: 'modified',
        severity: 'error',
        connection: 2,
        group: 'g2',
        old: occurrence(1, old),
        new: occurrence(1, neu),
        identity: null,
        differences: [difference],
        detail: '',
        subject: 'Trade',
      },
    ]);
    const describe = { old: described('alphapulse-v2-packed'), new: described('torq-types') };
    const detail = detailOf('d1', buildReportModel(result, { describe, byMeaning: true }));
    expect(differing(detail)).toEqual(['tlv[0].Trade.price']);
    expect(detail.fields.find((row) => row.differs)?.note).toBe('a note');
    const time = detail.fields.find(({ path }) => path.endsWith('execution_timestamp_ns'));
    expect([time?.old?.value, time?.new?.value]).toEqual(['3', '3']);
    expect(detail.fields.filter((row) => row.old === null).map(({ path }) => path)).toEqual([
      'tlv[0].Trade._padding',
    ]);
    expect(rowsCoverOnce(detail.fields, 'old', old.length)).toBe(true);
    const newBytes = detail.fields.reduce((sum, row) => sum + (row.new?.length ?? 0), 0);
    expect(newBytes).toBe(neu.length);
  });
});

describe('the model of the report', () => {
  it('marks exactly the field that differs, with both values and both byte ranges', () => {
    const detail = detailOf('d25');
    expect(differing(detail)).toEqual(['tlv[0].Trade.price']);
    expect(detail.fields.find((row) => row.differs)).toMatchInlineSnapshot(`
      {
        "class": "semantic",
        "differs": true,
        "new": {
          "display": "45001.12",
          "length": 8,
          "offset": 42,
          "value": "4500112000000",
        },
        "note": "made up for the shape of the result",
        "old": {
          "display": "45000.12",
          "length": 8,
          "offset": 42,
          "value": "4500012000000",
        },
        "path": "tlv[0].Trade.price",
      }
    `);
  });

  it('shows a missing message on one side only and calls none of its fields different', () => {
    const detail = detailOf('d1');
    expect(detail.new).toBeNull();
    expect(detail.fields.every((row) => row.old !== null && row.new === null)).toBe(true);
    expect(differing(detail)).toEqual([]);
  });

  it('aligns the TLVs behind an inserted one instead of calling them all different', () => {
    const detail = detailOf('d30');
    expect(differing(detail)).toEqual([
      'header.payload_size',
      'tlv[0].type',
      'tlv[0].length',
      'tlv[0].type-202.data',
    ]);
    const price = detail.fields.find((row) => row.path === 'tlv[0].Trade.price');
    expect(price).toMatchObject({ newPath: 'tlv[1].Trade.price', differs: false });
  });

  it('pairs a changed TLV with its counterpart although another one was inserted before it', () => {
    const extra = encodeTlv(202, Uint8Array.of(1, 2, 3));
    const other = tradeTlv({ price: 101n, volume: 7n });
    const detail = pairModel(sampleFrame(1, [trade]), sampleFrame(1, [extra, other]));
    const price = detail.fields.find((row) => row.path.endsWith('Trade.price'));
    expect(price).toMatchObject({ path: 'tlv[0].Trade.price', newPath: 'tlv[1].Trade.price' });
    expect(price?.old?.value).toBe('100');
    expect(price?.new?.value).toBe('101');
  });

  it('names every byte of both sides exactly once, in order, whatever came or went', () => {
    const extra = encodeTlv(202, Uint8Array.of(1, 2, 3));
    const other = tradeTlv({ price: 9n, volume: 9n });
    const payloads = [[], [trade], [extra], [trade, extra], [extra, trade, other], [other, trade]];
    for (const left of payloads) {
      for (const right of payloads) {
        const old = sampleFrame(1, left);
        const candidate = sampleFrame(1, right);
        const { fields } = pairModel(old, candidate);
        expect(rowsCoverOnce(fields, 'old', old.byteLength)).toBe(true);
        expect(rowsCoverOnce(fields, 'new', candidate.byteLength)).toBe(true);
      }
    }
  });

  it('shows a defect as one row of raw bytes', () => {
    const detail = detailOf(idOf('truncated-frame', 'defect'));
    expect(detail.fields).toHaveLength(1);
    expect(detail.fields[0]).toMatchObject({ path: 'bytes', new: { offset: 0, length: 51 } });
  });

  it('takes the class of a field from the differ where it knows better, such as volatile', () => {
    const result = makeResult(
      sampleResult.divergences.slice(24, 25).map((each) =>
        changed(each, {
          differences: each.differences.map((one) => changed(one, { class: 'volatile' })),
        }),
      ),
    );
    const detail = detailOf('d1', buildReportModel(result, sampleContext));
    expect(detail.fields.find((row) => row.differs)?.class).toBe('volatile');
  });

  it('lists unexplained groups first and keeps the order otherwise', () => {
    expect(model.groups.map((group) => group.id)).toEqual(['g2', 'g3', 'g6', 'g1', 'g4', 'g5']);
  });

  it('places every divergence with bytes in the slice of the timeline that counts it', () => {
    const counted = model.timeline.divergences.map(() => 0);
    for (const row of model.rows) {
      if (row.slice !== null) counted[row.slice] = (counted[row.slice] ?? 0) + 1;
    }
    expect(counted).toEqual(model.timeline.divergences);
  });

  it('gives every group some details before any group gets more, and stops at the limits', () => {
    const result = largeResult(3_000);
    const few = buildReportModel(result, sampleContext, { ...REPORT_LIMITS, detailsMax: 30 });
    const groupOf = new Map(few.rows.map((row) => [row.id, row.group]));
    const detailed = Object.keys(few.details).map((id) => groupOf.get(id));
    expect(detailed).toHaveLength(30);
    expect(new Set(detailed)).toEqual(new Set(['g1', 'g2', 'g3']));
    expect(few.rows).toHaveLength(3_000);
    const tight = buildReportModel(result, sampleContext, { ...REPORT_LIMITS, fieldRowsMax: 100 });
    const rows = Object.values(tight.details).flatMap((detail) => detail.fields);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.length).toBeLessThanOrEqual(100);
  });

  it('counts the fields that a message has beyond what a page shows', () => {
    const cut = buildReportModel(sampleResult, sampleContext, {
      ...REPORT_LIMITS,
      fieldRowsPerDetailMax: 5,
    });
    expect(detailOf('d1', cut).fields).toHaveLength(5);
    expect(detailOf('d1', cut).fieldsOmitted).toBe(15);
  });
});

describe('marking bytes', () => {
  it('marks the bytes of a changed field that differ, on both sides', () => {
    const marked = markBytes(detailOf('d25'));
    const places = [...(marked.old?.marks ?? [])].flatMap((mark, offset) =>
      mark === MARK.same ? [] : [offset],
    );
    expect(places).toEqual([43, 44, 45]);
    expect(marked.new?.marks).toEqual(marked.old?.marks);
  });

  it('marks an inserted TLV as alone and nothing behind it', () => {
    const marked = markBytes(detailOf('d30'));
    const alone = [...(marked.new?.marks ?? [])].flatMap((mark, offset) =>
      mark === MARK.alone ? [offset] : [],
    );
    expect(alone).toEqual([32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42]);
    expect([...(marked.new?.marks.subarray(43) ?? [])]).not.toContain(MARK.changed);
    expect([...(marked.old?.marks ?? [])]).not.toContain(MARK.alone);
  });

  it('finds the byte that one of two defects lacks', () => {
    const marked = markBytes(detailOf(idOf('bad-magic', 'defect')));
    expect([...(marked.old?.marks ?? [])]).toEqual([0, 0, 0, 0, MARK.alone, 0, 0, 0, 0]);
    expect([...(marked.new?.marks ?? [])]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('compares a frame with bytes that are no frame byte by byte', () => {
    const frame = sampleFrame(1, [trade]);
    const marked = markBytes(pairModel(frame, frame.subarray(0, 50)));
    expect([...(marked.new?.marks ?? [])]).toEqual(Array.from({ length: 50 }, () => 0));
    expect([...(marked.old?.marks ?? [])].filter((mark) => mark === MARK.alone)).toHaveLength(24);
  });

  it('names the row of every byte', () => {
    const detail = detailOf('d25');
    const marked = markBytes(detail);
    expect(detail.fields[marked.new?.rows[49] ?? -1]?.path).toBe('tlv[0].Trade.price');
    expect([...(marked.old?.rows ?? [])]).not.toContain(-1);
  });
});
