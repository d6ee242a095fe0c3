/** What other programs record of Unix sockets: pcap as sockdump writes it, pcapng of every kind, whole and broken. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { ImportOptions } from '../../src/formats/import-records.ts';
import { importRecords } from '../../src/formats/import-records.ts';
import { parseUnits, type UnitsStart } from '../../src/formats/import-units.ts';
import { InputFile } from '../../src/formats/input-file.ts';
import { concat, H3, testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const START: UnitsStart = {
  writer: 'test',
  dialect: 'torq-codec',
  protocolSchemas: new Map([['a.yaml', 'a: 1']]),
  keepsPartial: false,
  unitHead: 'auto',
  relayPid: undefined,
  stream: 'old',
};

/** What became of a file: streams with their chunks as [ns since 1970, text], gaps, notes. */
async function imported(
  format: 'pcap' | 'pcapng',
  bytes: Uint8Array,
  start: Partial<UnitsStart> = {},
): Promise<{
  readonly streams: Readonly<Record<string, readonly (readonly [bigint, string])[]>>;
  readonly gaps: readonly (readonly [string, number, number])[];
  readonly labels: readonly string[];
  readonly events: readonly string[];
  readonly notes: Readonly<Record<string, string>>;
  readonly sealed: boolean;
  readonly cutOff: string | undefined;
  readonly verdict: string;
}> {
  const directory = temporaryDirectory();
  const file = join(directory, `a.${format}`);
  writeFileSync(file, bytes);
  const input = new InputFile(file);
  const out = join(directory, 'a.capture');
  const keepsPartial = start.keepsPartial ?? false;
  const options: ImportOptions = { file, layoutOf: () => H3, keepsPartial };
  try {
    const records = parseUnits(input, format, { ...START, ...start }, () => undefined);
    const { cutOff, verification } = await importRecords(out, records, options);
    const capture = openCapture(out);
    const { startedUnixNs, notes, sealed } = capture.info;
    const streams = capture.streams().map(({ id, connection, kind }) => {
      const chunks = [...capture.chunks(id)].map(
        ({ timeNs, bytes: own }) => [startedUnixNs + timeNs, Buffer.from(own).toString()] as const,
      );
      return [`${connection}/${kind}`, chunks] as const;
    });
    const result = {
      streams: Object.fromEntries(streams),
      gaps: capture.gaps().map((gap) => [gap.reason, gap.offset, gap.bytes] as const),
      labels: capture.connections().map(({ id, label }) => `${id} ${label}`),
      events: [...capture.events()].map(({ connection, kind, stream }) =>
        [connection, kind, stream].join(' '),
      ),
      notes,
      sealed,
      cutOff,
      verdict: verification.verdict,
    };
    capture.close();
    return result;
  } finally {
    input.close();
  }
}

/** Numbers in one byte order. */
class Bytes {
  readonly #isLittle: boolean;
  constructor(isLittle: boolean) {
    this.#isLittle = isLittle;
  }
  u16(...values: readonly number[]): Uint8Array {
    const view = new DataView(new ArrayBuffer(2 * values.length));
    values.forEach((value, index) => view.setUint16(2 * index, value, this.#isLittle));
    return new Uint8Array(view.buffer);
  }
  u32(...values: readonly number[]): Uint8Array {
    const view = new DataView(new ArrayBuffer(4 * values.length));
    values.forEach((value, index) => view.setUint32(4 * index, value, this.#isLittle));
    return new Uint8Array(view.buffer);
  }
  u64(value: bigint): Uint8Array {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, value, this.#isLittle);
    return new Uint8Array(view.buffer);
  }
  option(code: number, value: Uint8Array): Uint8Array {
    const padding = new Uint8Array((4 - (value.length % 4)) % 4);
    return concat([this.u16(code, value.length), value, padding]);
  }
  block(type: number, ...body: readonly Uint8Array[]): Uint8Array {
    const content = concat(body);
    const padding = new Uint8Array((4 - (content.length % 4)) % 4);
    const length = this.u32(12 + content.length + padding.length);
    return concat([this.u32(type), length, content, padding, length]);
  }
  section(): Uint8Array {
    return this.block(0x0a0d0d0a, this.u32(0x1a2b3c4d), this.u16(1, 0), this.u32(0, 0));
  }
  /** Of a link type; `resolution` as if_tsresol. */
  interface(linkType: number, name: string, resolution?: number, offset = 0n): Uint8Array {
    const options = [this.option(2, text(name))];
    if (resolution !== undefined) options.push(this.option(9, Uint8Array.of(resolution)));
    if (offset !== 0n) options.push(this.option(14, this.u64(offset)));
    return this.block(1, this.u16(linkType, 0), this.u32(0), ...options, this.option(0, text('')));
  }
  enhanced(on: number, ticks: bigint, own: Uint8Array, flags?: number, original = own.length) {
    const padding = new Uint8Array((4 - (own.length % 4)) % 4);
    const high = Number(ticks >> 32n);
    const low = Number(ticks & 0xffff_ffffn);
    const head = this.u32(on, high, low, own.length, original);
    const options = flags === undefined ? [] : [this.option(2, this.u32(flags))];
    return this.block(6, head, own, padding, ...options);
  }
  /** As sockdump writes it, but for the byte order. */
  pcap(linkType: number, magic = 0xa1b2c3d4): Uint8Array {
    return concat([this.u32(magic), this.u16(2, 4), this.u32(0, 0, 51_200, linkType)]);
  }
  pcapUnit(seconds: number, parts: number, own: Uint8Array, original = own.length): Uint8Array {
    return concat([this.u32(seconds, parts, own.length, original), own]);
  }
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The head of a sockdump unit: who receives and who sends, big-endian in any file. */
function between(from: number, to: number, own: string): Uint8Array {
  const big = new Bytes(false);
  return concat([big.u64(BigInt(to)), big.u64(BigInt(from)), text(own)]);
}

const orders = [
  ['little', new Bytes(true)],
  ['big', new Bytes(false)],
] as const;

describe.each(orders)('a sockdump file in %s-endian order', (_, make) => {
  const RELAY = 900;
  const file = concat([
    make.pcap(147),
    make.pcapUnit(1_700_000_000, 5, between(31, RELAY, 'hello ')),
    make.pcapUnit(1_700_000_000, 5, between(RELAY, 31, 'answer to 31')),
    make.pcapUnit(1_700_000_000, 4, between(RELAY, 32, 'before')),
    make.pcapUnit(1_700_000_001, 0, between(31, RELAY, 'cut'), 16 + 3 + 40),
    make.pcapUnit(1_700_000_001, 1, between(31, RELAY, 'on')),
  ]);

  it('becomes a connection for each process, with the relay told from the clients', async () => {
    const { streams, gaps, labels, events, notes, verdict } = await imported('pcap', file);
    const at = 1_700_000_000_000_000_000n;
    expect(streams).toEqual({
      '1/client': [
        [at + 5_000n, 'hello '],
        [at + 1_000_000_000n, 'cut'],
        [at + 1_000_001_000n, 'on'],
      ],
      '1/old': [[at + 5_000n, 'answer to 31']],
      '2/old': [[at + 4_000n, 'before']],
    });
    expect(labels).toEqual(['1 pid 31', '2 pid 32']);
    expect(gaps).toEqual([['cut-by-recorder', 9, 40]]);
    expect(events.toSorted()).toEqual([
      '1 open client',
      '1 upstream-open old',
      '2 open client',
      '2 upstream-open old',
    ]);
    expect(notes).toEqual({ source: 'pcap file a.pcap' });
    expect(verdict).toBe('incomplete');
  });

  it('asks for the relay where two processes alone do not tell it, and counts what is left out', async () => {
    const two = concat([make.pcap(150), make.pcapUnit(1, 0, between(31, 900, 'a'))]);
    await expect(imported('pcap', two)).rejects.toThrow(/31 to 900 \(1 units\)/);
    const { streams } = await imported('pcap', two, { relayPid: 900 });
    expect(streams).toEqual({ '1/client': [[1_000_000_000n, 'a']] });
    const other = concat([two, make.pcapUnit(2, 0, between(5, 6, 'b'))]);
    const { notes } = await imported('pcap', other, { relayPid: 900 });
    expect(notes['left out']).toBe('1 units between other processes');
    await expect(imported('pcap', two, { relayPid: 7 })).rejects.toThrow(/process 7 is in no unit/);
    const raw = await imported('pcap', two, { unitHead: 'none', stream: 'client' });
    expect(raw.streams['1/client']?.[0]?.[1]).toHaveLength(17);
  });

  it('keeps nanoseconds, takes frames for what they are, and refuses other link types', async () => {
    const frame = testFrame(1);
    const fine = concat([make.pcap(162, 0xa1b23c4d), make.pcapUnit(3, 999_999_999, frame)]);
    const { streams } = await imported('pcap', fine);
    expect(streams['1/old']?.[0]?.[0]).toBe(3_999_999_999n);
    expect(streams['1/old']?.[0]?.[1]).toHaveLength(Buffer.from(frame).toString().length);
    const ethernet = concat([make.pcap(1), make.pcapUnit(3, 0, frame)]);
    await expect(imported('pcap', ethernet)).rejects.toThrow(/1 units of link type 1/);
    await expect(imported('pcap', file.subarray(0, 20))).rejects.toThrow(/byte 0: the file ends/);
    await expect(imported('pcap', file.subarray(0, 60))).rejects.toThrow(
      /byte 24: the file ends within a unit of 22 bytes, after 20; before it stand 0 units/,
    );
  });
});

describe.each(orders)('a pcapng file in %s-endian order', (_, make) => {
  it('is read with every resolution of times, direction, section and kind of unit', async () => {
    const file = concat([
      make.section(),
      make.block(5, make.u32(0, 0, 0)),
      make.interface(148, 'micro'),
      make.interface(147, 'nano', 9),
      make.interface(147, '2^-10', 0x80 | 10, 100n),
      make.interface(1, 'ethernet'),
      make.enhanced(0, 2_000_003n, text('in'), 1),
      make.enhanced(0, 2_000_004n, text('out'), 2),
      make.enhanced(1, 2_000_000_007n, text('later')),
      make.enhanced(2, 1_536n, text('binary')),
      make.enhanced(3, 1n, text('no relay')),
      make.block(0x0bad, make.u32(1)),
      make.block(3, make.u32(6), text('simple')),
      // An old kind: the interface in 16 bits.
      make.block(2, make.u16(1, 0), make.u32(0, 2_000_000_001, 7, 7), text('earlier')),
      make.section(),
      make.interface(147, 'nano', 9),
      make.enhanced(0, 2_000_000_009n, text('again')),
    ]);
    const { streams, labels, notes, verdict } = await imported('pcapng', file);
    expect(labels).toEqual(['1 micro', '2 nano', '3 2^-10']);
    expect(streams).toEqual({
      '1/client': [[2_000_003_000n, 'in']],
      '1/old': [
        [2_000_004_000n, 'out'],
        // What has no time has that of the unit before it.
        [101_500_000_000n, 'simple'],
      ],
      '2/old': [
        [2_000_000_001n, 'earlier'],
        [2_000_000_007n, 'later'],
        [2_000_000_009n, 'again'],
      ],
      '3/old': [[101_500_000_000n, 'binary']],
    });
    expect(notes).toEqual({
      source: 'pcapng file a.pcapng',
      'left out': '1 blocks of type 0x5, 1 units of link type 1, 1 blocks of type 0xbad',
      'units without a time': '1',
    });
    expect(verdict).toBe('whole');
  });

  it('names the block that makes no sense, and keeps what stands before it when asked', async () => {
    const begin = concat([
      make.section(),
      make.interface(147, 'a', 9),
      make.enhanced(0, 5n, text('kept')),
    ]);
    const broken = {
      'the file ends within a block of 48 bytes, after 20': make
        .enhanced(0, 6n, text('lost, as it is'))
        .subarray(0, 20),
      'a block cannot be 13 bytes long': make.u32(6, 13, 0),
      'a block says its length twice: 36, then 35': concat([
        make.enhanced(0, 6n, text('lost')).subarray(0, 32),
        make.u32(35),
      ]),
      'a unit of 99 bytes in a block of 36': make.block(6, make.u32(0, 0, 6, 99, 99, 0)),
      'a unit of interface 7, which is not described': make.enhanced(7, 6n, text('lost')),
      'a section header without the byte-order magic': make.block(0x0a0d0d0a, make.u32(1, 2)),
    };
    for (const [what, end] of Object.entries(broken)) {
      const file = concat([begin, end]);
      const said = `byte ${begin.length}: ${what}`;
      await expect(imported('pcapng', file)).rejects.toThrow(`${said}; before it stand 1 units`);
      const kept = await imported('pcapng', file, { keepsPartial: true });
      expect(kept.cutOff).toContain(said);
      expect(kept.streams).toEqual({ '1/old': [[5n, 'kept']] });
      expect(kept.sealed).toBe(false);
      expect(kept.notes['cut-off']).toContain(said);
    }
    const late = concat([begin, make.enhanced(0, 10n ** 17n, text('x'))]);
    await expect(imported('pcapng', late)).rejects.toThrow(/1157 days after the first one/);
    await expect(imported('pcapng', make.section())).rejects.toThrow(/no unit of a link type/);
  });

  it('puts the chunks of a file together again that Wireshark has written anew', async () => {
    const named = concat([
      make.section(),
      make.interface(147, '3 price feed client', 9),
      make.interface(147, '3 price feed new', 9),
      make.interface(147, 'recording', 9),
      make.enhanced(0, 5n, text('in')),
      make.enhanced(1, 6n, text('out')),
      make.enhanced(2, 7n, text('')),
    ]);
    const { streams, labels, notes } = await imported('pcapng', named);
    expect(Object.keys(streams)).toEqual(['3/client', '3/new']);
    expect(labels).toEqual(['3 price feed']);
    expect(notes['left out']).toBe('1 units without bytes');
  });
});
