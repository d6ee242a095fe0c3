/** Frames a second: framing, header and TLV walk, full decode, JSON; beside DataView by hand and Kaitai's parser. */
import { jsonText } from '../src/lib/json-text.ts';
import { decodeMessage } from '../src/protocol/decode.ts';
import { decodeStruct } from '../src/protocol/struct-decoder.ts';
import { loadBuiltInProtocol } from '../src/protocol/files.ts';
import type { Dialect, FieldValues } from '../src/protocol/types.ts';
import { FrameReader } from '../src/wire/frame-reader.ts';
import { readHeader } from '../src/wire/header.ts';
import { walkTlvs } from '../src/wire/tlv.ts';
import type { Span } from '../src/wire/types.ts';
import { binaryParser } from './binary-parser.ts';
import {
  framesByHand,
  headerByHand,
  orderBookByHand,
  poolSwapByHand,
  tlvsByHand,
  tradeByHand,
} from './by-hand.ts';
import type { Contender, Contest } from './harness.ts';
import { type KaitaiParser, kaitaiLine, kaitaiParser } from './kaitai.ts';
import { plainFields } from './plain-values.ts';
import {
  HUNDRED_BYTES,
  makeTraffic,
  ORDER_BOOK,
  POOL_SWAP,
  TRADE,
  type Traffic,
} from './traffic.ts';

/** The newest tree; by-hand.ts knows its offsets. */
const DIALECT = 'torq-types';
const BY_HAND = 'DataView by hand';

export async function decodeContests(frames: number): Promise<{
  readonly contests: readonly Contest[];
  readonly hasKaitai: boolean;
}> {
  const dialect = loadBuiltInProtocol().dialect(DIALECT);
  const kaitai = await kaitaiParser(dialect);
  const hundred = makeTraffic(dialect, HUNDRED_BYTES, { frames, checksum: 'zero' });
  const subjects: readonly Subject[] = [
    { name: 'Trade', type: 1, layout: 'TradeTLV', fields: TRADE, byHand: tradeByHand },
    {
      name: 'PoolSwap',
      type: 11,
      layout: 'PoolSwapTLV',
      fields: POOL_SWAP,
      byHand: poolSwapByHand,
    },
    {
      name: 'OrderBook',
      type: 3,
      layout: 'OrderBookTLV',
      fields: ORDER_BOOK,
      byHand: orderBookByHand,
    },
  ];
  const contests = [
    framing(dialect, hundred),
    headerAndTlvs(dialect, hundred),
    ...subjects.map((subject) =>
      fullDecode(dialect, subject, { frames, checksum: 'zero', kaitai }),
    ),
    ...subjects
      .slice(0, 1)
      .map((subject) => fullDecode(dialect, subject, { frames, checksum: 'valid', kaitai })),
    ...subjects.map((subject) => fieldsOnly(dialect, subject, frames)),
    ...subjects.map((subject) =>
      linesOfJson(dialect, subject, { frames, checksum: 'zero', kaitai }),
    ),
  ];
  return { contests, hasKaitai: kaitai !== undefined };
}

function eachSpan(dialect: Dialect, { chunks }: Traffic, visit: (span: Span) => void): number {
  const reader = new FrameReader(dialect.header);
  let count = 0;
  for (const chunk of chunks) {
    const spans = reader.push(chunk);
    for (const span of spans) visit(span);
    count += spans.length;
  }
  return count;
}

function eachByHand({ chunks }: Traffic, visit: Parameters<typeof framesByHand>[1]): number {
  return chunks.reduce((count, chunk) => count + framesByHand(chunk, visit), 0);
}

function framing(dialect: Dialect, traffic: Traffic): Contest {
  const byHand: Contender = {
    name: BY_HAND,
    work: () => {
      let sum = 0;
      const count = eachByHand(traffic, (_, at, bytes) => {
        sum += at + bytes;
      });
      return sum + count;
    },
    values: () => {
      const lengths: number[] = [];
      eachByHand(traffic, (_view, _at, bytes) => lengths.push(bytes));
      return lengths;
    },
  };
  const relaydiff: Contender = {
    name: 'relaydiff',
    work: () => {
      let sum = 0;
      const count = eachSpan(dialect, traffic, (span) => {
        sum += span.offset + span.bytes.length;
      });
      return sum + count;
    },
    values: () => {
      const lengths: number[] = [];
      eachSpan(dialect, traffic, (span) => lengths.push(span.bytes.length));
      return lengths;
    },
  };
  return { ...size(traffic), name: 'framing only, 100 bytes', contenders: [byHand, relaydiff] };
}

function headerAndTlvs(dialect: Dialect, traffic: Traffic): Contest {
  type Visit = (sequence: bigint, timestamp: bigint, types: readonly { type: number }[]) => void;
  const byHand = (visit: Visit): number =>
    eachByHand(traffic, (view, at, bytes) => {
      const { sequence, timestamp } = headerByHand(view, at);
      visit(sequence, timestamp, tlvsByHand(view, at + dialect.header.sizeBytes, at + bytes));
    });
  const relaydiff = (visit: Visit): number =>
    eachSpan(dialect, traffic, ({ bytes }) => {
      const { sequence, timestamp } = readHeader(dialect.header, bytes);
      visit(sequence, timestamp, walkTlvs(bytes, dialect.header.sizeBytes).tlvs);
    });
  const contender = (name: string, read: (visit: Visit) => number): Contender => ({
    name,
    work: () => {
      let sum = 0;
      const count = read((sequence, _, tlvs) => {
        sum += tlvs.length + (sequence === 0n ? 1 : 0);
      });
      return sum + count;
    },
    values: () => {
      const seen: unknown[] = [];
      read((sequence, timestamp, tlvs) =>
        seen.push(Number(sequence), Number(timestamp), ...tlvs.map(({ type }) => type)),
      );
      return seen;
    },
  });
  const contenders = [contender(BY_HAND, byHand), contender('relaydiff', relaydiff)];
  return { ...size(traffic), name: 'framing, header and TLV walk, 100 bytes', contenders };
}

interface Subject {
  readonly name: string;
  readonly type: number;
  readonly layout: string;
  readonly fields: FieldValues;
  readonly byHand: (view: DataView, at: number) => Readonly<Record<string, unknown>>;
}

/** Calls `visit` with what each message says. */
type ReadMessages = (visit: (sequence: unknown, fields: Fields) => void) => number;
type Fields = Readonly<Record<string, unknown>>;

/** Calls `visit` with each message as a line of JSON. */
type WriteLines = (visit: (line: string) => void) => number;

/** What was read last, kept where the compiler cannot know that nobody looks: no work may be left out. */
const kept: { fields: Fields } = { fields: {} };

interface DecodeOptions {
  readonly frames: number;
  readonly checksum: 'valid' | 'zero';
  readonly kaitai: KaitaiParser | undefined;
}

function fullDecode(dialect: Dialect, subject: Subject, options: DecodeOptions): Contest {
  const { name, type, layout, fields } = subject;
  const { frames, checksum, kaitai } = options;
  const traffic = makeTraffic(dialect, { type, layout, fields }, { frames, checksum });
  const names = Object.keys(fields);
  const relaydiff: ReadMessages = (visit) =>
    eachSpan(dialect, traffic, ({ bytes }) => {
      const { header, tlvs } = decodeMessage(dialect, bytes);
      for (const tlv of tlvs) visit(header.sequence, tlv.fields);
    });
  const contenders = [
    reader('relaydiff', names, relaydiff),
    reader(BY_HAND, names, (visit) => decodeByHand(dialect, subject, traffic, visit)),
  ];
  if (kaitai !== undefined)
    contenders.unshift(reader('Kaitai', names, (visit) => decodeByKaitai(kaitai, traffic, visit)));
  const sums = checksum === 'valid' ? ', checksums computed' : '';
  return { ...size(traffic), name: `full decode, ${name}${sums}`, contenders };
}

function reader(name: string, names: readonly string[], read: ReadMessages): Contender {
  return {
    name,
    work: () => {
      let sum = 0;
      const count = read((sequence, fields) => {
        kept.fields = fields;
        sum += sequence === undefined ? 0 : 1;
      });
      return sum + count;
    },
    values: () => {
      const seen: unknown[] = [];
      read((sequence, fields) => seen.push(Number(sequence), ...plainFields(fields, names)));
      return seen;
    },
  };
}

/** The struct alone, of values that are cut out beforehand: what a library would do for us. */
function fieldsOnly(
  dialect: Dialect,
  { name, type, layout, fields }: Subject,
  frames: number,
): Contest {
  const traffic = makeTraffic(dialect, { type, layout, fields }, { frames, checksum: 'zero' });
  const struct = dialect.structs.get(layout);
  if (struct === undefined) throw new Error(`no struct ${layout}`);
  const values: Uint8Array[] = [];
  eachByHand(traffic, (view, at, bytes) => {
    const valueAt = at + bytes - struct.size;
    values.push(new Uint8Array(view.buffer, view.byteOffset + valueAt, struct.size));
  });
  const parse = binaryParser(layout);
  const readAll =
    (readOne: (value: Uint8Array) => Fields | undefined): ReadMessages =>
    (visit) => {
      for (const value of values) visit(0, readOne(value) ?? {});
      return values.length;
    };
  const names = Object.keys(fields);
  const contenders = [
    reader('binary-parser', names, readAll(parse)),
    reader(
      'relaydiff',
      names,
      readAll((value) => decodeStruct(struct, value)),
    ),
  ];
  return { ...size(traffic), name: `fields only, ${name}`, contenders };
}

/** As `messages --json` prints them. */
function linesOfJson(dialect: Dialect, subject: Subject, options: DecodeOptions): Contest {
  const { name, type, layout, fields } = subject;
  const { frames, checksum, kaitai } = options;
  const traffic = makeTraffic(dialect, { type, layout, fields }, { frames, checksum });
  const names = Object.keys(fields);
  const relaydiff: WriteLines = (visit) =>
    eachSpan(dialect, traffic, ({ bytes }) => visit(jsonText(decodeMessage(dialect, bytes))));
  const contenders = [writer('relaydiff', names, relaydiff)];
  if (kaitai !== undefined)
    contenders.unshift(
      writer('Kaitai', names, (visit) =>
        traffic.chunks.reduce((count, chunk) => {
          const read = kaitai(chunk);
          for (const frame of read) visit(kaitaiLine(frame));
          return count + read.length;
        }, 0),
      ),
    );
  return { ...size(traffic), name: `lines of JSON, ${name}`, contenders };
}

function writer(name: string, names: readonly string[], write: WriteLines): Contender {
  return {
    name,
    work: () => {
      let sum = 0;
      // As output does: to know its bytes, the text must be there in one piece.
      const count = write((line) => {
        sum += Buffer.byteLength(line);
      });
      return sum + count;
    },
    values: () => {
      const seen: unknown[] = [];
      write((line) => {
        const { header, tlvs } = JSON.parse(line);
        seen.push(Number(header.sequence), ...plainFields(tlvs[0].fields, names));
      });
      return seen;
    },
  };
}

function decodeByHand(
  dialect: Dialect,
  subject: Subject,
  traffic: Traffic,
  visit: Parameters<ReadMessages>[0],
): number {
  return eachByHand(traffic, (view, at, bytes) => {
    const { sequence } = headerByHand(view, at);
    for (const { valueAt } of tlvsByHand(view, at + dialect.header.sizeBytes, at + bytes)) {
      visit(sequence, subject.byHand(view, valueAt));
    }
  });
}

function decodeByKaitai(
  kaitai: KaitaiParser,
  { chunks }: Traffic,
  visit: Parameters<ReadMessages>[0],
): number {
  let count = 0;
  for (const chunk of chunks) {
    for (const { header, payload } of kaitai(chunk)) {
      for (const { value } of payload.tlvs) visit(header['sequence'], value);
      count++;
    }
  }
  return count;
}

function size({ frames, bytes }: Traffic): { readonly frames: number; readonly bytes: number } {
  return { frames, bytes };
}
