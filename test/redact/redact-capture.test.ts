/** What redaction does to each thing that a capture holds, and what it must never leave behind. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { readerWith } from '../../src/capture/reader-with.ts';
import { RotatingWriter } from '../../src/capture/rotating-writer.ts';
import { readSpans } from '../../src/capture/spans.ts';
import type { CaptureReader, StreamKind } from '../../src/capture/types.ts';
import { verifyCapture } from '../../src/capture/verify.ts';
import { inflateRawSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { OperatingError } from '../../src/lib/operating-error.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import { checksumState, readHeader } from '../../src/wire/header.ts';
import type { RedactionReport } from '../../src/redact/redaction-report.ts';
import { message, trade } from '../diff/rules/support.ts';
import { delivers, sends } from '../diff/support.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { H3, testFrame } from '../support/frames.ts';
import { ANY_START } from '../support/captures.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { protocol, redact, redactionOf, redactOpen } from './support.ts';

const dialect = protocol.dialect('torq-codec');
const SECRET_PATH = '/srv/very-secret-desk/market_data.sock';
const POOL = { type: 202, fields: { raw: '5ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e7' } };

const valid = trade({ sequence: 1, price: 6_412_345_678_901n, checksum: 'valid' });
const zero = trade({ sequence: 2, price: 6_412_345_678_901n, checksum: 'zero' });
/** The price of `valid`, changed on its way: its checksum is that of the original. */
const wrong = Uint8Array.from(valid);
wrong.set(trade({ sequence: 1, price: 7_777_777_777_777n }).subarray(H3.sizeBytes), H3.sizeBytes);
const vendor = message([POOL], { sequence: 3, checksum: 'valid' });
const garbage = Buffer.from('these bytes are no frame at all, and secret');
const cut = vendor.subarray(0, 50);

/** All the same chunks as written below, so that frames lie over several of them. */
function writePlain(path: string): void {
  const all = Buffer.concat([valid, zero, vendor]);
  buildCapture(path, {
    connections: ['secret-desk-7', 'client-2'],
    steps: [
      { connection: undefined, event: 'start', details: { takenOver: SECRET_PATH } },
      { connection: 1, event: 'open', on: 'client' },
      ...sends(1, all.subarray(0, 10), all.subarray(10, 130), all.subarray(130), garbage, vendor),
      ...delivers('old', [1, 2], valid, zero, vendor, vendor),
      ...delivers('new', [1, 2], wrong, zero, cut),
      {
        gap: {
          connection: 1,
          stream: 'client',
          where: 'mirror',
          reason: 'mirror-slow',
          offset: 0,
          bytes: valid.length,
          frames: 1,
          firstHeader: valid.subarray(0, H3.sizeBytes),
          lastHeader: valid.subarray(0, H3.sizeBytes),
          firstTimeNs: 1n,
          lastTimeNs: 2n,
        },
      },
      { connection: 1, event: 'error', on: 'client', details: { code: 'ECONNRESET' } },
    ],
  });
}

const RULES = `
rules:
  - { id: clock, action: shift, by: -30d, where: { path: header.timestamp } }
  - { id: venues, action: keep, where: { path: '**.venue*' } }
  - { id: nothing, action: zero, where: { path: 'tlv[*].Quote.bid_price' } }
`;

interface Both {
  readonly plain: string;
  readonly redacted: string;
  readonly report: RedactionReport;
}

function makeBoth(rules = RULES): Both {
  const directory = temporaryDirectory();
  const [plain, redacted] = [join(directory, 'plain.capture'), join(directory, 'redacted.capture')];
  writePlain(plain);
  return { plain, redacted, report: redact(plain, redacted, rules) };
}

function spansOf(path: string, connection: number, kind: StreamKind): readonly Uint8Array[] {
  const capture = openCapture(path);
  try {
    const stream = capture
      .streams()
      .find((each) => each.connection === connection && each.kind === kind);
    return stream === undefined
      ? []
      : [...readSpans(capture, stream, H3)].map(({ span }) => span.bytes);
  } finally {
    capture.close();
  }
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

describe('a redacted capture', () => {
  it('has the same bytes of a message in every stream, and other ones where it was changed', () => {
    const { redacted } = makeBoth();
    const [sentValid, sentZero, sentVendor] = spansOf(redacted, 1, 'client');
    for (const connection of [1, 2]) {
      const old = spansOf(redacted, connection, 'old');
      expect(old.map(hex)).toEqual([sentValid, sentZero, sentVendor, sentVendor].map(hex));
    }
    const [changed, same, piece] = spansOf(redacted, 2, 'new');
    expect(hex(same)).toBe(hex(sentZero));
    // What is left of a message is that part of the redacted message.
    expect(hex(piece)).toBe(hex(sentVendor).slice(0, 2 * cut.length));
    const leaves = [sentValid, changed].map((frame) =>
      describeFrame(dialect, frame ?? new Uint8Array()),
    );
    const differing = leaves[0]?.filter((leaf, at) => leaf.value !== leaves[1]?.[at]?.value);
    expect(differing?.map(({ path }) => path)).toEqual(['tlv[0].Trade.price']);
  });

  it('has checksums that are valid where they were, 0 where they were, and wrong where they were', () => {
    const { redacted } = makeBoth();
    const states = (kind: StreamKind): readonly string[] =>
      spansOf(redacted, 1, kind)
        .slice(0, 3)
        .map((bytes) => checksumState(H3, bytes));
    expect(states('client')).toEqual(['valid', 'zero', 'valid']);
    expect(states('new').slice(0, 2)).toEqual(['wrong', 'zero']);
  });

  it('moves clocks, keeps what is to be kept, and renames names to names', () => {
    const { plain, redacted } = makeBoth();
    const before = spansOf(plain, 1, 'client')[0] ?? valid;
    const after = spansOf(redacted, 1, 'client')[0] ?? valid;
    const monthNs = 30n * 86_400n * 1_000_000_000n;
    expect(readHeader(H3, after).timestamp).toBe(readHeader(H3, before).timestamp - monthNs);
    const [was, is] = [before, after].map((frame) => decodeMessage(dialect, frame).tlvs[0]?.fields);
    expect(is?.['venue_id']).toBe(was?.['venue_id']);
    expect(is?.['price']).not.toBe(was?.['price']);
    const [info, moved] = [plain, redacted].map((path) => openInfo(path).startedUnixNs);
    expect(moved).toBe((info ?? 0n) - monthNs);
  });

  it('is whole, and tells what was done how often', () => {
    const { plain, redacted, report } = makeBoth();
    const [before, after] = [plain, redacted].map((path) => verifyCapture(path));
    expect(after?.counts.chunks).toBe(before?.counts.chunks);
    expect(after?.findings).toEqual(before?.findings);
    expect(report.counts).toMatchObject({ frames: 16, forgotten: 0, bare: 1 });
    const rule = (id: string): number | undefined =>
      report.rules.find((each) => each.id === id)?.values;
    expect(rule('nothing')).toBe(0);
    expect(rule('clock')).toBeGreaterThanOrEqual(report.counts.frames);
    const venue = report.fields.find(({ path }) => path === 'tlv[].Trade.venue_id');
    expect(venue).toMatchObject({ action: 'keep', rule: 'venues' });
  });
});

function openInfo(path: string): CaptureReader['info'] {
  const capture = openCapture(path);
  try {
    return capture.info;
  } finally {
    capture.close();
  }
}

describe('what is redacted', () => {
  it('is nowhere in the new file, in no form that the file knows', () => {
    const { plain, redacted } = makeBoth();
    for (const suffix of ['-wal', '-shm', '-journal'])
      expect(existsSync(redacted + suffix)).toBe(false);
    const secrets = [
      ...secretsOf(plain),
      ...['secret', 'desk', '/srv/'].map((text) => Buffer.from(text)),
    ];
    expect(secrets.length).toBeGreaterThan(10);
    const holds = (path: string): readonly string[] => {
      const stored = storedForms(path);
      return secrets.filter((secret) => stored.some((bytes) => bytes.includes(secret))).map(hex);
    };
    // The search finds them where they are.
    expect(holds(plain)).toEqual(secrets.map(hex));
    expect(holds(redacted)).toEqual([]);
  });
});

/** Values of redacted fields that are long enough not to occur by chance. */
function secretsOf(path: string): readonly Buffer[] {
  const values = new Set<string>();
  for (const kind of ['client', 'old', 'new'] as const) {
    for (const bytes of spansOf(path, 1, kind)) {
      if (bytes.length < H3.sizeBytes || readHeader(H3, bytes).magic !== H3.magic) {
        values.add(hex(bytes));
        continue;
      }
      for (const { path: field, offset, length, class: leafClass } of describeFrame(
        dialect,
        bytes,
      )) {
        const value = hex(bytes.subarray(offset, offset + length));
        const isFree = leafClass === 'semantic' && !/venue|sequence|magic/.test(field);
        if (length >= 6 && isFree && !/^(00)+/.test(value)) values.add(value);
      }
    }
  }
  return [...values].map((value) => Buffer.from(value, 'hex'));
}

/** The file, free pages included, every blob in it, and what is compressed in these. */
function storedForms(path: string): readonly Buffer[] {
  const database = new Database(path, { readonly: true });
  const tables = database
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .pluck()
    .all();
  const blobs = tables.flatMap((table) =>
    database.prepare<[], unknown[]>(`SELECT * FROM "${table}"`).raw().all().flat(),
  );
  database.close();
  const stored = blobs.filter((value) => Buffer.isBuffer(value));
  const inflated = stored.flatMap((blob) => {
    try {
      return [inflateRawSync(blob)];
    } catch {
      return []; // It is not compressed.
    }
  });
  return [readFileSync(path), ...stored, ...inflated];
}

describe('a redaction', () => {
  it('takes a rotated recording, and makes one capture of it', () => {
    const directory = temporaryDirectory();
    const out = join(directory, 'md.capture');
    const writer = new RotatingWriter(out, ANY_START, {
      partBytesMax: 1,
      partNsMax: undefined,
      keptParts: undefined,
      diskBytesMax: undefined,
    });
    writer.addConnection({ id: 1, label: 'a', openedNs: 0n });
    const frames = [1, 2, 3, 4].map((sequence) => testFrame(sequence));
    frames.forEach((bytes, index) => {
      const at = { ordinal: index + 1, timeNs: BigInt(index), offset: index * bytes.length };
      writer.addChunk({ connection: 1, stream: 'client', bytes, ...at });
      writer.flush();
    });
    writer.seal();
    const redacted = join(directory, 'redacted.capture');
    redact(out, redacted, '');
    const spans = spansOf(redacted, 1, 'client');
    expect(spans.map((bytes) => readHeader(H3, bytes).sequence)).toEqual([1n, 2n, 3n, 4n]);
    expect(verifyCapture(redacted).verdict).toBe('whole');
  });

  it('is the same for the same key, and can leave bytes and texts as they are', () => {
    const one = makeBoth();
    const other = makeBoth();
    for (const kind of ['client', 'old', 'new'] as const)
      expect(spansOf(one.redacted, 1, kind).map(hex)).toEqual(
        spansOf(other.redacted, 1, kind).map(hex),
      );
    const kept = makeBoth('{ default: keep, defects: keep, texts: keep }');
    for (const kind of ['client', 'old', 'new'] as const)
      expect(spansOf(kept.redacted, 1, kind).map(hex)).toEqual(
        spansOf(kept.plain, 1, kind).map(hex),
      );
    expect(readFileSync(kept.redacted).includes(SECRET_PATH)).toBe(true);
  });

  it('refuses a recording without its end', () => {
    const path = join(temporaryDirectory(), 'live.capture');
    buildCapture(path, { connections: ['a'], steps: sends(1, valid), sealed: false });
    expect(() => redact(path, `${path}.out`, '')).toThrow(/is not sealed/);
    expect(existsSync(`${path}.out`)).toBe(false);
  });

  it('leaves nothing when what it wrote does not hold the same frames', () => {
    const { plain, redacted } = makeBoth();
    const capture = openCapture(plain);
    // A capture that says something else each time it is read.
    let reads = 0;
    const fickle = readerWith(capture, {
      *chunks(streamId) {
        reads += 1;
        for (const chunk of capture.chunks(streamId)) {
          const bytes = Uint8Array.from(chunk.bytes);
          if (chunk.offset === 0) bytes[8] = reads;
          yield { ...chunk, bytes };
        }
      },
    });
    const again = `${redacted}.again`;
    let failure: unknown;
    try {
      redactOpen(fickle, again, '');
    } catch (error) {
      failure = error;
    }
    capture.close();
    expect(failure).toBeInstanceOf(OperatingError);
    expect(failure).toMatchObject({ code: 'REDACTION_FAILED' });
    expect(existsSync(again)).toBe(false);
  });
});

describe('a redaction file', () => {
  it('is told all its mistakes, each with its place', () => {
    const text = ['defalt: keep', 'rules: []'].join('\n');
    expect(() => redactionOf(text)).toThrow(
      'redact.yaml:1:1: unknown key "defalt", did you mean "default"?',
    );
    const rules = [
      'rules:',
      '  - { id: a, action: shift, where: { path: header.timestamp } }',
      '  - { id: a, action: zero, by: 1d, where: { path: "tlv[*].Trade.prcie" } }',
      '  - { id: c, action: shift, by: soon, where: { class: padding, tlv: Trde } }',
      '  - { id: d, action: zero, where: { path: header.magic } }',
      '  - { id: e, action: zero, where: { path: [header.sequence, "tlv[*].length", "tlv[2].OrderBook.bids.count"] } }',
      '  - { id: f, action: hash, where: {} }',
      '  - { id: g, action: keep, scope: x, where: { domain: MarketData } }',
      '  - { id: h, action: keep, where: { path: header.checksum } }',
    ].join('\n');
    let message = '';
    try {
      redactionOf(rules);
    } catch (error) {
      message = String(error);
    }
    expect(message.split('\n').slice(1)).toEqual([
      '  redact.yaml:2:5: missing key "by": shift needs it',
      '  redact.yaml:3:11: another rule is called "a" (line 2)',
      '  redact.yaml:3:28: "by" belongs to the action shift, not to zero',
      '  redact.yaml:3:51: no dialect has "prcie" in tlv.Trade, did you mean "price"?',
      '  redact.yaml:4:33: "soon" is no distance; write -30d, 90m, 250ns, or a number that is not 0',
      '  redact.yaml:4:69: no dialect has a tlv "Trde", did you mean "Trade"?',
      '  redact.yaml:5:43: "header.magic" cannot be redacted: where frames and fields begin and end hangs on it',
      '  redact.yaml:6:44: "header.sequence" cannot be redacted: messages are known by domain, source and sequence',
      '  redact.yaml:6:61: "tlv[*].length" cannot be redacted: where frames and fields begin and end hangs on it',
      '  redact.yaml:6:78: "tlv[2].OrderBook.bids.count" cannot be redacted: where frames and fields begin and end hangs on it',
      '  redact.yaml:7:22: rules[5].action: expected one of pseudonym, zero, shift, keep',
      '  redact.yaml:8:28: "scope" belongs to the action pseudonym, not to keep',
      '  redact.yaml:8:45: missing key "path" or "class": a rule selects fields by one of them',
      '  redact.yaml:9:43: "header.checksum" cannot be redacted: checksums follow what they are of: valid ones stay valid, 0 stays 0, wrong ones stay wrong',
    ]);
  });
});
