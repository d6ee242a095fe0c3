/**
 * Results made by hand, as real as a few encoded frames can make them: what a comparison of the original
 * and the generic relay finds, one divergence of each sort that the page must draw.
 */
import type {
  DiffResult,
  Difference,
  Divergence,
  DivergenceKind,
  Group,
  Occurrence,
} from '../../src/diff/types.ts';
import { toHex } from '../../src/lib/bytes.ts';
import {
  buildReportModel,
  describeFramesOnly,
  type ReportContext,
} from '../../src/report/build-model.ts';
import type { ReportModel } from '../../src/report/model.ts';
import { buildFrame } from '../../src/wire/build-frame.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import { describeSample, SAMPLE_LAYOUT } from './sample-leaves.ts';

const START_UNIX_NS = 1_756_000_000_000_000_000n;
const SECOND_NS = 1_000_000_000n;

export function tradeTlv(input: { readonly price: bigint; readonly volume: bigint }): Uint8Array {
  const value = new Uint8Array(40);
  const view = new DataView(value.buffer);
  view.setBigUint64(0, 0x425355_44_53_54_45n, true);
  view.setBigInt64(8, input.price, true);
  view.setBigInt64(16, input.volume, true);
  view.setBigUint64(24, START_UNIX_NS + 3n * SECOND_NS, true);
  view.setUint16(32, 100, true);
  value[34] = 51;
  value[36] = 1;
  return encodeTlv(1, value);
}

function orderBookTlv(levels: number, firstSize: bigint): Uint8Array {
  const value = new Uint8Array(levels * 24);
  const view = new DataView(value.buffer);
  for (let level = 0; level < levels; level++) {
    view.setBigInt64(level * 24, 4_500_000_000_000n - BigInt(level) * 50_000_000n, true);
    view.setBigInt64(level * 24 + 8, firstSize + BigInt(level) * 1_000_000n, true);
    view.setUint32(level * 24 + 16, level + 1, true);
  }
  return encodeTlv(3, value);
}

export function sampleFrame(sequence: number, tlvs: readonly Uint8Array[], domain = 1): Uint8Array {
  return buildFrame(SAMPLE_LAYOUT, {
    domain,
    source: 2,
    sequence: BigInt(sequence),
    timestamp: START_UNIX_NS + BigInt(sequence) * 10_000_000n,
    payload: Buffer.concat(tlvs),
    checksum: 'zero',
  });
}

export function occurrence(ordinal: number, bytes: Uint8Array): Occurrence {
  return {
    ordinal,
    offset: ordinal * 74,
    length: bytes.byteLength,
    arrivalNs: String(BigInt(ordinal) * 10_000_000n + 123_456n),
    hex: toHex(bytes),
  };
}

type Part = Partial<Divergence> & Pick<Divergence, 'kind' | 'group' | 'detail'>;

function divergence(part: Part): Omit<Divergence, 'id'> {
  return {
    severity: 'error',
    connection: 2,
    old: null,
    new: null,
    identity: null,
    differences: [],
    subject: 'Trade',
    ...part,
  };
}

const trade = tradeTlv({ price: 4_500_012_000_000n, volume: 25_000_000n });

function missing(sequence: number): Omit<Divergence, 'id'> {
  return divergence({
    kind: 'missing',
    group: 'g1',
    old: occurrence(sequence, sampleFrame(sequence, [trade])),
    identity: { domain: 1, source: 2, sequence: String(sequence) },
    detail: 'Trade forwarded by old is missing in new: its read began inside a frame.',
  });
}

function modified(sequence: number): Omit<Divergence, 'id'> {
  const changed = tradeTlv({ price: 4_500_112_000_000n, volume: 25_000_000n });
  const differences: Difference[] = [
    {
      path: 'tlv[0].Trade.price',
      old: '4500012000000',
      new: '4500112000000',
      bytes: { offset: 42, length: 8 },
      class: 'semantic',
      note: 'made up for the shape of the result',
    },
  ];
  return divergence({
    kind: 'modified',
    group: 'g2',
    old: occurrence(sequence, sampleFrame(sequence, [trade])),
    new: occurrence(sequence - 4, sampleFrame(sequence, [changed])),
    identity: { domain: 1, source: 2, sequence: String(sequence) },
    differences,
    remarks: [
      {
        kind: 'unknown-enum-number',
        path: 'tlv[0].Trade.venue_id',
        old: null,
        new: '7777 is no VenueId',
      },
      {
        kind: 'zero-checksum',
        path: 'header.checksum',
        old: 'the publisher did not compute it',
        new: 'the publisher did not compute it',
      },
    ],
    remarksOmitted: 3,
    swallowed: [{ rule: 'clock-of-the-gateway', path: 'header.timestamp' }],
    detail: 'Trade differs in tlv[0].Trade.price: 45000.12 became 45001.12.',
  });
}

function inserted(sequence: number): Omit<Divergence, 'id'> {
  const extra = encodeTlv(202, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]));
  return divergence({
    kind: 'modified',
    group: 'g3',
    old: occurrence(sequence, sampleFrame(sequence, [trade])),
    new: occurrence(sequence, sampleFrame(sequence, [extra, trade])),
    identity: { domain: 1, source: 2, sequence: String(sequence) },
    subject: 'Trade',
    detail: 'new has one more TLV, type 202, before Trade.',
  });
}

function oneOfEachOtherSort(): Omit<Divergence, 'id'>[] {
  const frame = sampleFrame(620, [trade]);
  return [
    divergence({
      kind: 'extra',
      group: 'g4',
      connection: 3,
      new: occurrence(610, sampleFrame(610, [trade], 2)),
      identity: { domain: 2, source: 2, sequence: '610' },
      detail: 'A message of domain 2 is forwarded by new only.',
    }),
    divergence({
      kind: 'defect',
      group: 'g5',
      new: occurrence(620, frame.subarray(0, 51)),
      subject: 'truncated-frame',
      detail: 'new holds the first 51 bytes of a frame of 74 bytes; the rest never came.',
    }),
    divergence({
      kind: 'defect',
      group: 'g5',
      old: occurrence(630, Uint8Array.from([0xde, 0xad, 0xca, 0xfe, 1, 2, 3, 4, 5])),
      new: occurrence(630, Uint8Array.from([0xde, 0xad, 0xca, 0xfe, 2, 3, 4, 5])),
      subject: 'bad-magic',
      detail: 'Bytes that are no frame differ: old 9 bytes, new 8 bytes.',
    }),
    divergence({
      kind: 'modified',
      group: 'g2',
      old: occurrence(640, sampleFrame(640, [orderBookTlv(50, 100_000_000n)])),
      new: occurrence(640, sampleFrame(640, [orderBookTlv(50, 200_000_000n)])),
      identity: { domain: 1, source: 2, sequence: '640' },
      subject: 'OrderBook',
      detail: 'OrderBook differs in 50 fields, first tlv[0].OrderBook.bids[0].size.',
    }),
    divergence({
      kind: 'connection',
      group: 'g6',
      connection: 4,
      severity: 'warning',
      subject: 'close',
      detail: 'new closed the connection 1.204 s before old.',
    }),
  ];
}

const GROUPS: readonly Omit<Group, 'count' | 'first'>[] = [
  {
    id: 'g1',
    kind: 'missing',
    title: 'Trade missing from new: a chunk with its bytes began inside a frame',
    cause: 'read-began-inside-a-frame',
    explanation: 'consistent with a relay that drops reads which do not begin with a header',
    evidence:
      '24 of 24 lost messages have bytes in a chunk that begins inside a frame; 0 of 576 forwarded ones do.',
  },
  {
    id: 'g2',
    kind: 'modified',
    title: 'Prices and sizes differ',
    cause: 'unexplained',
    explanation: '',
    evidence: 'Six messages of two publishers; no chunk boundary, domain or gap is common to them.',
  },
  {
    id: 'g3',
    kind: 'modified',
    title: 'One more TLV in new',
    cause: 'unexplained',
    explanation: '',
    evidence: 'One message.',
  },
  {
    id: 'g4',
    kind: 'extra',
    title: 'Trade in new only: old refuses its domain',
    cause: 'other-domain',
    explanation: 'consistent with a relay that forwards only messages of its own domain',
    evidence: 'Each of them carries domain 2; none with domain 1 is extra.',
  },
  {
    id: 'g5',
    kind: 'defect',
    title: 'Trade cut short in new: a chunk with its bytes began inside a frame',
    cause: 'read-began-inside-a-frame',
    explanation: 'consistent with a relay that drops reads which do not begin with a header',
    evidence: 'The missing 23 bytes are the whole next read of the client stream.',
  },
  {
    id: 'g6',
    kind: 'connection',
    title: 'new closes early',
    cause: 'unexplained',
    explanation: '',
    evidence: 'One close of four connections.',
  },
];

const noRule = {
  divergences: 0,
  trimmed: 0,
  differences: 0,
  unmeasured: 0,
  first: null,
} as const;

const SAMPLE_RULES: Pick<DiffResult, 'rules' | 'swallowed'> = {
  rules: [
    {
      ...noRule,
      id: 'clock-of-the-gateway',
      action: 'tolerate',
      reason: 'The gateway stamps a second time.',
      owner: 'market-data',
      expires: '2026-09-30',
      file: 'rules.yaml',
      line: 4,
      where: { path: ['header.timestamp', 'tlv[*].*.timestamp_ns'], tlv: ['Trade'] },
      limit: 'within 5ms or 0.1%',
      state: 'used',
      divergences: 210,
      trimmed: 12,
      differences: 444,
      first: {
        kind: 'modified',
        connection: 2,
        subject: 'Trade',
        detail: 'Trade differs in header.timestamp.',
        identity: { domain: 1, source: 2, sequence: '199' },
        old: { ordinal: 199, offset: 14_726, length: 74, arrivalNs: '1990123456' },
        new: { ordinal: 199, offset: 14_726, length: 74, arrivalNs: '1990234567' },
        differences: [
          {
            path: 'header.timestamp',
            old: '1756000001990000000',
            new: '1756000001991000000',
            bytes: { offset: 16, length: 8 },
            class: 'volatile',
            note: 'made up for the shape of the result',
          },
        ],
      },
    },
    {
      ...noRule,
      id: 'lost-at-the-open',
      action: 'expect',
      reason: 'The generic relay drops reads that begin inside a frame: TORQ-118.',
      owner: 'relay-team',
      expires: '2025-06-30',
      file: 'rules.yaml',
      line: 14,
      where: { kind: ['missing'], cause: ['read-began-inside-a-frame'] },
      state: 'expired',
    },
    {
      ...noRule,
      id: 'price-rounding',
      action: 'tolerate',
      reason: 'Prices are rounded to the cent.',
      file: 'rules.yaml',
      line: 23,
      where: { path: ['tlv[*].Trade.venue_id'] },
      limit: 'within 0.01',
      state: 'unused',
      unmeasured: 5,
    },
  ],
  swallowed: [
    {
      rules: ['clock-of-the-gateway'],
      kind: 'modified',
      connection: 2,
      old: 199,
      new: 199,
      differences: 2,
      whole: true,
    },
  ],
};

const TIMELINE_SLICES = 120;

export const sampleResult: DiffResult = makeResult([
  ...Array.from({ length: 24 }, (_, index) => missing(200 + index * 7)),
  ...Array.from({ length: 5 }, (_, index) => modified(420 + index * 11)),
  inserted(600),
  ...oneOfEachOtherSort(),
]);

/** Numbers the divergences and makes everything that is counted agree with them. */
export function makeResult(parts: readonly Omit<Divergence, 'id'>[]): DiffResult {
  const divergences = parts.map((part, index) => ({ ...part, id: `d${index + 1}` }));
  const groups = GROUPS.flatMap((group) => {
    const members = divergences.filter((each) => each.group === group.id);
    return members[0] === undefined
      ? []
      : [{ ...group, count: members.length, first: members[0].id }];
  });
  const countOf = (kind: DivergenceKind): number =>
    divergences.filter((each) => each.kind === kind).length;
  return {
    format: 'relaydiff-result/1',
    verdict: 'different',
    reason: `${divergences.length} divergences in ${groups.length} groups; 3 groups are unexplained.`,
    capture: {
      name: 'market-data-coalesced.capture',
      origin: 'record',
      startedUnixNs: String(START_UNIX_NS),
      durationNs: String(12n * SECOND_NS + 345_000_000n),
      sealed: true,
    },
    old: { label: 'market-data-coalesced.capture, old', dialect: 'torq-types' },
    new: { label: 'market-data-coalesced.capture, new', dialect: 'torq-types' },
    counts: {
      old: 10_432,
      new: 10_409,
      pairs: 10_408,
      identical: 10_402,
      noisy: 0,
      equivalent: 0,
      ignored: 0,
      divergences: {
        missing: countOf('missing'),
        extra: countOf('extra'),
        duplicated: countOf('duplicated'),
        reordered: countOf('reordered'),
        modified: countOf('modified'),
        encoding: countOf('encoding'),
        defect: countOf('defect'),
        connection: countOf('connection'),
        late: countOf('late'),
      },
      swallowed: {
        divergences: {
          missing: 0,
          extra: 0,
          duplicated: 0,
          reordered: 0,
          modified: 210,
          encoding: 0,
          defect: 0,
          connection: 0,
          late: 0,
        },
        differences: 444,
        trimmed: 12,
      },
      gaps: { frames: 0, bytes: 0 },
    },
    divergences,
    divergencesOmitted: 0,
    groups,
    ...SAMPLE_RULES,
    noise: {
      source: 'old-against-old.capture',
      pairs: 20_000,
      divergences: 1,
      falseAlarms: { judged: 60_000, alarms: 2 },
      fields: [
        {
          domain: 1,
          subject: 'Trade',
          field: 'header.timestamp',
          kind: 'clock',
          parameters: 'offset +12 us, from -1.4 ms to +3.1 ms around it (n = 1,200)',
          judged: 10_378,
          explained: 10_370,
          alarms: 8,
          falseAlarms: { judged: 9_800, alarms: 2 },
        },
      ],
      unlearned: [
        {
          domain: 1,
          shape: '1',
          subject: 'Trade',
          field: 'header.flags',
          pairs: 10_378,
          differing: 17,
          why: 'it is no clock, no counter, no alias and not random',
        },
      ],
      unlearnedTypes: [{ subject: 'PoolSwap', pairs: 3 }],
    },
    remarks: [
      {
        kind: 'unknown-enum-number',
        subject: 'Trade',
        old: 0,
        new: 5,
        onlyOld: 0,
        onlyNew: 5,
        example: {
          connection: 2,
          side: 'new',
          ordinal: 416,
          path: 'tlv[0].Trade.venue_id',
          detail: '7777 is no VenueId',
        },
      },
      {
        kind: 'zero-checksum',
        subject: 'Trade',
        old: 10_401,
        new: 10_378,
        onlyOld: 0,
        onlyNew: 0,
        example: {
          connection: 2,
          side: 'old',
          ordinal: 0,
          path: 'header.checksum',
          detail: 'the publisher did not compute it',
        },
      },
      {
        kind: 'zero-checksum',
        subject: 'OrderBook',
        old: 31,
        new: 31,
        onlyOld: 0,
        onlyNew: 0,
        example: {
          connection: 2,
          side: 'old',
          ordinal: 640,
          path: 'header.checksum',
          detail: 'the publisher did not compute it',
        },
      },
    ],
    connections: [
      {
        id: 1,
        label: 'collector',
        clientFrames: 6_201,
        oldFrames: 0,
        newFrames: 0,
        divergences: 0,
      },
      ...[2, 3, 4].map((id) => ({
        id,
        label: id === 2 ? 'burst-publisher' : `dashboard-${id - 2}`,
        clientFrames: id === 2 ? 4_231 : 0,
        oldFrames: 3_478,
        newFrames: 3_470,
        divergences: divergences.filter((each) => each.connection === id).length,
      })),
    ],
    timeline: makeTimeline(divergences),
  };
}

function makeTimeline(divergences: readonly Divergence[]): DiffResult['timeline'] {
  const bucketNs = 102_875_000n;
  const found = Array.from({ length: TIMELINE_SLICES }, () => 0);
  for (const each of divergences) {
    const arrivalNs = (each.old ?? each.new)?.arrivalNs;
    if (arrivalNs === undefined) continue;
    const slice = Math.min(Number(BigInt(arrivalNs) / bucketNs), TIMELINE_SLICES - 1);
    found[slice] = (found[slice] ?? 0) + 1;
  }
  const wave = found.map((_, index) => Math.round(80 + 60 * Math.sin(index / 9) + (index % 7) * 6));
  return {
    startNs: '0',
    bucketNs: String(bucketNs),
    old: wave,
    new: wave.map((frames, index) => frames - (found[index] ?? 0)),
    divergences: found,
  };
}

/** A copy in which a part is another one. */
export function changed<T extends object>(value: T, part: Partial<T>): T {
  return { ...value, ...part };
}

export const sampleContext: ReportContext = {
  describe: {
    old: describeFramesOnly(SAMPLE_LAYOUT, describeSample),
    new: describeFramesOnly(SAMPLE_LAYOUT, describeSample),
  },
};

export function sampleModel(): ReportModel {
  return buildReportModel(sampleResult, sampleContext);
}

/** As many divergences as asked for, all listed. */
export function largeResult(count: number): DiffResult {
  return makeResult(
    Array.from({ length: count }, (_, index) => {
      if (index % 3 === 1) return modified(index + 10);
      return index % 1000 === 2 ? inserted(index + 10) : missing(index + 10);
    }),
  );
}
