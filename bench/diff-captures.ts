/** Writes the captures that the diff benchmark compares: what publishers sent, and what both relays made of it. */
import { loadBuiltInProtocol } from '../src/protocol/files.ts';
import type { Protocol } from '../src/protocol/load.ts';
import { encodeMessage } from '../src/protocol/encode.ts';
import { TAP_ORIGIN } from '../src/capture/blind-spots.ts';
import { CaptureWriter } from '../src/capture/writer.ts';
import type { Gap, StreamKind } from '../src/capture/types.ts';
import type { Dialect, EnumTable, FieldValues } from '../src/protocol/types.ts';
import { Stamper, type Stamp as StampRule } from '../src/simulate/stamps.ts';
import { frameChecksum } from '../src/wire/header.ts';
import { ORDER_BOOK, POOL_SWAP, TRADE } from './traffic.ts';

export interface DiffTraffic {
  readonly name: string;
  readonly frames: number;
  /** One frame in so many is dropped or changed by the new relay, in turn; Infinity: none. */
  readonly divergesEvery: number;
  /** Two publishers, whose messages the new relay delivers in another order. */
  readonly isInterleaved: boolean;
  /**
   * - `noise`: one TLV of a vendor with values of chance, checksum zero, 1 to 16 frames a chunk.
   * - `market`: trades, swaps and order books in turn, checksums computed, each in a chunk of its own.
   */
  readonly messages: 'noise' | 'market';
  /** Two: each relay was recorded by itself, with the same clients, the second one at half the pace. */
  readonly recordings: 1 | 2;
  /**
   * - `with gaps`: in turn, the mirror is not sent 200 messages in a row, and of 200 nothing is recorded.
   * - `of a tap`: one client, which feeds what old delivered, a thousand messages later.
   */
  readonly recording: 'plain' | 'with gaps' | 'of a tap';
  /**
   * What they do to what they pass on.
   * - `passing`: nothing.
   * - `translating`: new writes trades in the layout and the numbers of another dialect.
   * - `stamping`: each writes its own time and its own count into the header.
   */
  readonly relays: 'passing' | 'translating' | 'stamping';
}

/** Of one message, what a client sends and what each relay makes of it. */
interface Delivered {
  readonly sent: Uint8Array;
  readonly old: Uint8Array;
  readonly new: Uint8Array;
}

/** Which of two recordings; undefined: both relays are in one. */
type Part = 'first' | 'second' | undefined;

interface Made {
  readonly chunkFramesMax: number;
  readonly make: (index: number, source: number) => Uint8Array;
}

const DIALECT = 'torq-codec';
/** Of what new is read with: that of old, or the one that it translates to. */
export const DIALECTS: Readonly<Record<DiffTraffic['relays'], Record<'old' | 'new', string>>> = {
  passing: { old: DIALECT, new: DIALECT },
  stamping: { old: DIALECT, new: DIALECT },
  translating: { old: 'alphapulse-v2-packed', new: 'torq-types' },
};
const FRAME_BYTES = 100;
const OVERHEAD_BYTES = 34;
/** In the price of a trade, in the value of noise. */
const CHANGED_AT = OVERHEAD_BYTES + 13;
/** Of a read of a relay: as many frames as chance brings. */
const CHUNK_FRAMES_MAX = 16;
const STEP_NS = 10_000n;
const FLUSH_FRAMES = 4_096;
const START_NS = 1_700_000_000_000_000_000n;
/** Between what was sent and its stamp, at most. */
const LATENCY_NS = 50_000;
const SEED = 20_261_123;
/** Of so many messages, so many are in a gap. */
const GAP_EVERY = 10_000;
const GAP_FRAMES = 200;
const FED_LATER_FRAMES = 1_000;
/** Values are taken from anywhere in it. */
const NOISE_BYTES = 1_048_573;
/** Out of twenty messages of a market: most are trades, one is an order book. */
const SWAPS: ReadonlySet<number> = new Set([3, 7, 11, 15]);
const BOOK = 19;
const MARKET_ROUND = 20;

/** Returns the files: one, or one of each relay. */
export function writeDiffCaptures(path: string, traffic: DiffTraffic): readonly string[] {
  if (traffic.recordings === 1) {
    writeDiffCapture(path, traffic, undefined);
    return [path];
  }
  const second = `${path}.second`;
  writeDiffCapture(path, traffic, 'first');
  writeDiffCapture(second, traffic, 'second');
  return [path, second];
}

function writeDiffCapture(path: string, traffic: DiffTraffic, part: Part): void {
  const protocol = loadBuiltInProtocol();
  const dialect = protocol.dialect(DIALECTS[traffic.relays].old);
  const writer = CaptureWriter.create(path, {
    origin: traffic.recording === 'of a tap' ? TAP_ORIGIN : 'record',
    writer: 'bench',
    startedUnixNs: START_NS,
    dialect: dialect.name,
    layout: dialect.header,
    notes: {},
    protocolSchemas: new Map(),
  });
  const publishers = traffic.isInterleaved ? 2 : 1;
  for (let id = 1; id <= publishers; id++) {
    writer.addConnection({ id, label: `publisher-${id}`, openedNs: 0n });
  }
  const out = new Out(writer, part);
  const { deliver, chunkFramesMax } = relaysOf(traffic, protocol, () => out.timeNs);
  const random = chance();
  let divergence = 0;
  const diverged = (frame: Uint8Array): readonly Uint8Array[] => {
    if (random(1e6) >= 1e6 / traffic.divergesEvery) return [frame];
    divergence++;
    if (divergence % 2 === 0) return [];
    const changed = Uint8Array.from(frame);
    changed[CHANGED_AT] = (changed[CHANGED_AT] ?? 0) ^ 0x55;
    return [changed];
  };
  const tap = new Tap(out, diverged);
  for (let sent = 0; sent < traffic.frames; ) {
    const count = Math.min(1 + random(chunkFramesMax), traffic.frames - sent);
    const all: Delivered[] = [];
    const bySender: Delivered[][] = [[], []];
    for (let index = 0; index < count; index++) {
      const sender = random(publishers);
      const delivered = deliver(sent + index, 1 + sender);
      all.push(delivered);
      bySender[sender]?.push(delivered);
    }
    const old = all.map((each) => each.old);
    const gap = traffic.recording === 'with gaps' ? gapAt(sent) : undefined;
    if (traffic.recording === 'of a tap') tap.hear(old);
    else {
      for (const [index, own] of bySender.entries()) {
        const frames = own.map((each) => each.sent);
        out.add(index + 1, 'client', frames, gap);
      }
      const isRecorded = gap !== 'recording';
      out.add(1, 'old', old, isRecorded ? undefined : gap);
      const neu = traffic.isInterleaved ? bySender.toReversed().flat() : all;
      const frames = neu.map((each) => each.new);
      if (gap !== 'mirror') out.add(1, 'new', frames.flatMap(diverged), gap);
    }
    sent += count;
    if (out.frames >= FLUSH_FRAMES) out.flush();
  }
  tap.end();
  out.end();
  writer.seal();
}

function gapAt(sent: number): Gap['where'] | undefined {
  if (sent % GAP_EVERY >= GAP_FRAMES || sent < GAP_EVERY) return undefined;
  return Math.floor(sent / GAP_EVERY) % 2 === 0 ? 'recording' : 'mirror';
}

class Tap {
  readonly #out: Out;
  readonly #answer: (frame: Uint8Array) => readonly Uint8Array[];
  readonly #heard: (readonly Uint8Array[])[] = [];
  #waiting = 0;

  constructor(out: Out, answer: (frame: Uint8Array) => readonly Uint8Array[]) {
    this.#out = out;
    this.#answer = answer;
  }

  hear(frames: readonly Uint8Array[]): void {
    this.#out.add(1, 'old', frames);
    this.#heard.push(frames);
    this.#waiting += frames.length;
    while (this.#waiting > FED_LATER_FRAMES) this.#feed();
  }

  end(): void {
    while (this.#waiting > 0) this.#feed();
  }

  #feed(): void {
    const frames = this.#heard.shift() ?? [];
    this.#waiting -= frames.length;
    this.#out.add(1, 'client', frames);
    this.#out.add(1, 'new', frames.flatMap(this.#answer));
  }
}

class Out {
  frames = 0;
  readonly #gaps = new Map<string, Gap>();
  readonly #writer: CaptureWriter;
  readonly #ends = new Map<string, number>();
  #ordinal = 0;
  readonly #part: Part;
  timeNs = 0n;

  constructor(writer: CaptureWriter, part: Part) {
    this.#writer = writer;
    this.#part = part;
  }

  /** `where`: they are in a gap. */
  add(
    connection: number,
    kind: StreamKind,
    frames: readonly Uint8Array[],
    where?: Gap['where'],
  ): void {
    const leftOut = this.#part === 'first' ? 'new' : 'old';
    if (frames.length === 0 || (this.#part !== undefined && kind === leftOut)) return;
    const stream = kind === 'new' && this.#part === 'second' ? 'old' : kind;
    const key = `${connection}/${stream}`;
    const offset = this.#ends.get(key) ?? 0;
    const bytes = new Uint8Array(Buffer.concat(frames));
    this.#ends.set(key, offset + bytes.length);
    this.timeNs += this.#part === 'second' ? 2n * STEP_NS : STEP_NS;
    if (where === undefined) this.#closeGap(key);
    else this.#growGap(key, { connection, stream, where, offset, bytes: bytes.length });
    if (where === 'recording') return;
    this.#writer.addChunk({
      connection,
      stream,
      ordinal: ++this.#ordinal,
      timeNs: this.timeNs,
      offset,
      bytes,
    });
    this.frames += frames.length;
  }

  #growGap(
    key: string,
    lost: Pick<Gap, 'connection' | 'stream' | 'where' | 'offset' | 'bytes'>,
  ): void {
    const known = this.#gaps.get(key);
    const bytes = (known?.bytes ?? 0) + lost.bytes;
    const begun = known ?? {
      ...lost,
      reason: 'bench',
      frames: undefined,
      firstHeader: undefined,
      lastHeader: undefined,
      firstTimeNs: this.timeNs,
    };
    this.#gaps.set(key, { ...begun, bytes, lastTimeNs: this.timeNs });
  }

  #closeGap(key: string): void {
    const gap = this.#gaps.get(key);
    if (gap !== undefined) this.#writer.addGap(gap);
    this.#gaps.delete(key);
  }

  end(): void {
    for (const key of this.#gaps.keys()) this.#closeGap(key);
  }

  flush(): void {
    this.#writer.flush();
    this.frames = 0;
  }
}

const HEADER = { version: 1, source: 1, flags: 0, sequence: '0', timestamp: '0' };

function relaysOf(
  { relays, messages }: DiffTraffic,
  protocol: Protocol,
  nowNs: () => bigint,
): {
  readonly chunkFramesMax: number;
  readonly deliver: (index: number, source: number) => Delivered;
} {
  const old = protocol.dialect(DIALECTS[relays].old);
  if (relays === 'translating') {
    const ofOld = tradeMaker(old);
    const ofNew = tradeMaker(protocol.dialect(DIALECTS[relays].new));
    const deliver = (index: number, source: number): Delivered => {
      const frame = ofOld(index, source);
      return { sent: frame, old: frame, new: ofNew(index, source) };
    };
    return { chunkFramesMax: CHUNK_FRAMES_MAX, deliver };
  }
  const { make, chunkFramesMax } = messages === 'noise' ? noiseMaker(old) : marketMaker(old);
  const stampOf = relays === 'stamping' ? stampersOf(old, nowNs) : undefined;
  const deliver = (index: number, source: number): Delivered => {
    const sent = make(index, source);
    return {
      sent,
      old: stampOf?.old(sent) ?? sent,
      new: stampOf?.new(sent) ?? sent,
    };
  };
  return { chunkFramesMax, deliver };
}

/** The same trades in any dialect: each of another price. */
function tradeMaker(dialect: Dialect): (index: number, source: number) => Uint8Array {
  const tradeAt = (price: string): Uint8Array => {
    const { [LATER_NAME]: time, ...fields } = TRADE;
    const header = { ...HEADER, relay_domain: numberOf(dialect.domains, 'MarketData') };
    const named = dialect.structs.get('TradeTLV')?.fields.some((each) => each.name === LATER_NAME);
    const times = { [named === true ? LATER_NAME : 'timestamp_ns']: time ?? '' };
    const tlvs = [{ type: 1, fields: { ...fields, ...times, price } }];
    return encodeMessage(dialect, { header, tlvs }, 'zero');
  };
  const model = tradeAt('0');
  const priceAt = tradeAt('1').findIndex((byte, at) => byte !== model[at]);
  const stamp = stamper(dialect);
  return (index, source) => {
    const frame = stamp(model, index, numberOf(dialect.sources, SOURCES[source - 1] ?? ''));
    frame.writeUInt32LE(index, priceAt);
    return frame;
  };
}

/** What the time of a trade came to be called. */
const LATER_NAME = 'execution_timestamp_ns';
const SOURCES = ['BinanceCollector', 'KrakenCollector'];

function numberOf(table: EnumTable, wanted: string): number {
  const [found] = [...table.names].find(([, name]) => name === wanted) ?? [];
  if (found === undefined) throw new Error(`no number for ${wanted}`);
  return found;
}

type Stamp = (frame: Uint8Array) => Uint8Array;

function stampersOf(
  { header }: Dialect,
  nowNs: () => bigint,
): Readonly<Record<'old' | 'new', Stamp>> {
  const random = chance();
  const stamperOf = (seed: number): Stamp => {
    const now = (): bigint => START_NS + nowNs() + BigInt(random(LATENCY_NS));
    const stamps: StampRule[] = [
      { kind: 'counter', offset: header.offsets.sequence },
      { kind: 'clock', offset: header.offsets.timestamp },
    ];
    const made = new Stamper({ stamps, seed, now });
    return (frame) => made.stamp(frame);
  };
  return { old: stamperOf(1), new: stamperOf(2) };
}

function noiseMaker(dialect: Dialect): Made {
  const raw = '00'.repeat(FRAME_BYTES - OVERHEAD_BYTES);
  const tlvs = [{ type: 200, extended: false, fields: { raw } }];
  const model = encodeMessage(dialect, { header: { ...HEADER, relay_domain: 1 }, tlvs }, 'zero');
  const random = chance();
  const noise = Buffer.alloc(NOISE_BYTES + FRAME_BYTES);
  for (let at = 0; at < noise.length; at++) noise[at] = random(256);
  const stamp = stamper(dialect);
  return {
    chunkFramesMax: CHUNK_FRAMES_MAX,
    make: (index, source) => {
      const frame = stamp(model, index, source);
      const from = random(NOISE_BYTES);
      noise.copy(frame, OVERHEAD_BYTES, from, from + FRAME_BYTES - OVERHEAD_BYTES);
      return frame;
    },
  };
}

function marketMaker(dialect: Dialect): Made {
  const model = (type: number, layout: string, fields: FieldValues): Uint8Array =>
    encodeMessage(
      dialect,
      { header: { ...HEADER, relay_domain: 1 }, tlvs: [{ type, layout, fields }] },
      'zero',
    );
  const trade = model(1, 'TradeTLV', TRADE);
  const swap = model(11, 'PoolSwapTLV', POOL_SWAP);
  const book = model(3, 'OrderBookTLV', ORDER_BOOK);
  const stamp = stamper(dialect);
  const { checksum: checksumAt } = dialect.header.offsets;
  return {
    chunkFramesMax: 1,
    make: (index, source) => {
      const turn = index % MARKET_ROUND;
      const frame = stamp(turn === BOOK ? book : SWAPS.has(turn) ? swap : trade, index, source);
      frame.writeUInt32LE(index, OVERHEAD_BYTES + 8);
      frame.writeUInt32LE(frameChecksum(dialect.header, frame), checksumAt);
      return frame;
    },
  };
}

/** Copies a model with numbers of its own. */
function stamper(dialect: Dialect): (model: Uint8Array, index: number, source: number) => Buffer {
  const { source: sourceAt, sequence, timestamp } = dialect.header.offsets;
  return (model, index, source) => {
    const frame = Buffer.from(model);
    frame[sourceAt] = source;
    frame.writeBigUInt64LE(BigInt(index + 1), sequence);
    frame.writeBigUInt64LE(1_756_000_000_000_000_000n + BigInt(index) * 1_000n, timestamp);
    return frame;
  };
}

/** The same numbers in every run. */
function chance(): (below: number) => number {
  let state = SEED;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
