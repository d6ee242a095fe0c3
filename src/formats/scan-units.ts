/**
 * Looks through a pcapng or pcap file that another program recorded: which units of a user link type are in it, on
 * which interfaces, in which direction, and between which processes where the units begin as those of sockdump do.
 * What the units mean for connections is decided by whoever asked (map-units.ts).
 */
import { OperatingError } from '../lib/operating-error.ts';
import { viewOf } from '../wire/header.ts';
import type { InputFile } from './input-file.ts';
import { BLOCK, LINK_TYPE_USER0, LINK_TYPE_USER15, OPTION } from './pcapng-blocks.ts';
import {
  faultAt,
  type PcapngBlock,
  pcapngBlocks,
  type PcapngInterface,
  type PcapngUnit,
  readInterface,
  readUnit,
} from './pcapng-reader.ts';
import { UnitIndex } from './unit-index.ts';

export type Direction = 'inbound' | 'outbound';

/** Units of one interface and direction. */
export interface Lane {
  readonly name: string | undefined;
  readonly direction: Direction | undefined;
}

/** Two processes, in the direction in which bytes went. */
export interface ProcessPair {
  readonly from: number;
  readonly to: number;
  units: number;
}

export interface UnitScan {
  readonly format: 'pcapng' | 'pcap';
  readonly units: UnitIndex;
  /** By their numbers in the index. */
  readonly lanes: readonly Lane[];
  /** By their numbers in the index; undefined when not every unit begins with two process ids. */
  readonly pairs: readonly ProcessPair[] | undefined;
  /** What was passed over, with how often. */
  readonly passedOver: ReadonlyMap<string, number>;
  /** Units without a time of their own. */
  readonly timeless: number;
  /** IMPORT_INVALID: where the file breaks off. */
  readonly fault: OperatingError | undefined;
}

/** peer_pid and pid, as big-endian 64-bit numbers (mechpen/sockdump, pcap_output). */
export const PROCESS_HEAD_BYTES = 16;
/** What Linux allows at most. */
const PROCESS_ID_MAX = 4_194_304n;
const UNIX_NS_MAX = 2n ** 63n - 1n;

export function isUserLinkType(linkType: number): boolean {
  return linkType >= LINK_TYPE_USER0 && linkType <= LINK_TYPE_USER15;
}

export function scanPcapng(input: InputFile, onRead: (bytes: number) => void): UnitScan {
  const scan = new Scan();
  let interfaces: PcapngInterface[] = [];
  let section = 0;
  const fault = untilFault(() => {
    for (const block of pcapngBlocks(input)) {
      onRead(block.at);
      if (block.type === BLOCK.sectionHeader) {
        interfaces = [];
        section += 1;
      } else if (block.type === BLOCK.interfaceDescription) {
        interfaces.push(readInterface(input, block));
      } else {
        const unit = readUnit(input, block, interfaces);
        if (unit === undefined) scan.passOver(`blocks of type 0x${block.type.toString(16)}`);
        else addPcapngUnit(scan, input, { block, unit, interfaces, section });
      }
    }
  });
  return scan.result('pcapng', fault);
}

function addPcapngUnit(
  scan: Scan,
  input: InputFile,
  found: {
    readonly block: PcapngBlock;
    readonly unit: PcapngUnit;
    readonly interfaces: readonly PcapngInterface[];
    readonly section: number;
  },
): void {
  const { block, unit, interfaces, section } = found;
  const on = interfaces[unit.interface];
  if (on === undefined)
    throw faultAt(input, block.at, `a unit of interface ${unit.interface}, which is not described`);
  if (!isUserLinkType(on.linkType)) {
    scan.passOver(`units of link type ${on.linkType}`);
    return;
  }
  const { bytes, bytesAt, originalBytes, ticks } = unit;
  const unixNs = ticks === undefined ? undefined : on.unixNs(ticks);
  if (unixNs !== undefined && (unixNs < 0n || unixNs > UNIX_NS_MAX))
    throw faultAt(input, block.at, `its time is ${unixNs} ns since 1970, which is no time`);
  scan.add(
    { bytes, bytesAt, originalBytes, unixNs },
    {
      key: on.name ?? `${section}/${unit.interface}`,
      name: on.name,
      direction: directionOf(unit, block),
    },
  );
}

function directionOf({ options }: PcapngUnit, block: PcapngBlock): Direction | undefined {
  const flags = options.find(
    ({ code, value }) => code === OPTION.packetFlags && value.length === 4,
  );
  if (flags === undefined) return undefined;
  const direction = viewOf(flags.value).getUint32(0, block.isLittleEndian) & 3;
  if (direction === 1) return 'inbound';
  return direction === 2 ? 'outbound' : undefined;
}

const PCAP_HEAD_BYTES = 24;
const PCAP_UNIT_BYTES = 16;
const PCAP_UNIT_BYTES_MAX = 64 * 1024 * 1024;
const NS_A_SECOND = 1_000_000_000n;
/** By the magic: ns of the smaller part of a time. */
const PCAP_CLOCKS: ReadonlyMap<number, bigint> = new Map([
  [0xa1b2c3d4, 1_000n],
  [0xa1b23c4d, 1n],
]);

/** The older format: one interface, no comments. sockdump writes it. */
export function scanPcap(input: InputFile, onRead: (bytes: number) => void): UnitScan {
  const scan = new Scan();
  const fault = untilFault(() => {
    const head = input.read(0, PCAP_HEAD_BYTES);
    if (head.length < PCAP_HEAD_BYTES) throw faultAt(input, 0, 'the file ends within its head');
    const isLittleEndian = PCAP_CLOCKS.has(viewOf(head).getUint32(0, true));
    const nsAPart = PCAP_CLOCKS.get(viewOf(head).getUint32(0, isLittleEndian));
    if (nsAPart === undefined) throw faultAt(input, 0, 'no pcap file begins so');
    // The upper bits tell of frame check sequences.
    const linkType = viewOf(head).getUint32(20, isLittleEndian) & 0xffff;
    for (let at = PCAP_HEAD_BYTES; at < input.size; ) {
      onRead(at);
      at = addPcapUnit(scan, input, at, { isLittleEndian, nsAPart, linkType });
    }
  });
  return scan.result('pcap', fault);
}

/** Returns where the next one begins. */
function addPcapUnit(
  scan: Scan,
  input: InputFile,
  at: number,
  file: {
    readonly isLittleEndian: boolean;
    readonly nsAPart: bigint;
    readonly linkType: number;
  },
): number {
  const head = input.read(at, PCAP_UNIT_BYTES);
  if (head.length < PCAP_UNIT_BYTES)
    throw faultAt(input, at, `the file ends within the head of a unit, after ${head.length} bytes`);
  const view = viewOf(head);
  const [seconds = 0, parts = 0, length = 0, originalBytes = 0] = [0, 4, 8, 12].map((offset) =>
    view.getUint32(offset, file.isLittleEndian),
  );
  if (length > PCAP_UNIT_BYTES_MAX)
    throw faultAt(input, at, `a unit of ${length} bytes; 64 MiB are read at most`);
  const bytesAt = at + PCAP_UNIT_BYTES;
  const bytes = input.read(bytesAt, length);
  if (bytes.length < length)
    throw faultAt(
      input,
      at,
      `the file ends within a unit of ${length} bytes, after ${bytes.length}`,
    );
  const unixNs = BigInt(seconds) * NS_A_SECOND + BigInt(parts) * file.nsAPart;
  if (isUserLinkType(file.linkType))
    scan.add(
      { bytes, bytesAt, originalBytes, unixNs },
      { key: '', name: undefined, direction: undefined },
    );
  else scan.passOver(`units of link type ${file.linkType}`);
  return bytesAt + length;
}

function untilFault(work: () => void): OperatingError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'IMPORT_INVALID') return error;
    throw error;
  }
}

class Scan {
  readonly #units = new UnitIndex();
  readonly #lanes = new Map<string, Lane & { readonly number: number }>();
  readonly #pairs = new Map<string, ProcessPair & { readonly number: number }>();
  readonly #passedOver = new Map<string, number>();
  #hasProcessHeads = true;
  #timeless = 0;
  #lastUnixNs: bigint | undefined;

  passOver(what: string): void {
    this.#passedOver.set(what, (this.#passedOver.get(what) ?? 0) + 1);
  }

  add(
    unit: {
      readonly bytes: Uint8Array;
      readonly bytesAt: number;
      readonly originalBytes: number;
      readonly unixNs: bigint | undefined;
    },
    on: Lane & { readonly key: string },
  ): void {
    const { bytes, bytesAt, originalBytes } = unit;
    if (bytes.length === 0 && originalBytes === 0) {
      this.passOver('units without bytes');
      return;
    }
    this.#units.add({
      unixNs: this.#timeOf(unit.unixNs),
      bytesAt,
      bytes: bytes.length,
      originalBytes: Math.max(originalBytes, bytes.length),
      lane: this.#laneOf(on),
      pair: this.#pairOf(bytes),
    });
  }

  result(format: UnitScan['format'], fault: OperatingError | undefined): UnitScan {
    return {
      format,
      units: this.#units,
      lanes: [...this.#lanes.values()],
      pairs: this.#hasProcessHeads ? [...this.#pairs.values()] : undefined,
      passedOver: this.#passedOver,
      timeless: this.#timeless,
      fault,
    };
  }

  #timeOf(unixNs: bigint | undefined): bigint {
    if (unixNs === undefined) this.#timeless += 1;
    else if (this.#lastUnixNs === undefined) this.#units.setTimesBefore(this.#units.count, unixNs);
    this.#lastUnixNs = unixNs ?? this.#lastUnixNs;
    return this.#lastUnixNs ?? 0n;
  }

  #laneOf({ key, name, direction }: Lane & { readonly key: string }): number {
    const id = `${direction ?? ''}/${key}`;
    const known = this.#lanes.get(id);
    if (known !== undefined) return known.number;
    const number = this.#lanes.size;
    this.#lanes.set(id, { name, direction, number });
    return number;
  }

  #pairOf(bytes: Uint8Array): number {
    if (!this.#hasProcessHeads) return 0;
    const processes = processesOf(bytes);
    if (processes === undefined) {
      this.#hasProcessHeads = false;
      return 0;
    }
    const id = `${processes.from}/${processes.to}`;
    const known = this.#pairs.get(id);
    if (known !== undefined) {
      known.units += 1;
      return known.number;
    }
    const number = this.#pairs.size;
    this.#pairs.set(id, { ...processes, units: 1, number });
    return number;
  }
}

/** Undefined when the bytes do not begin with two process ids: no frame of any dialect does. */
function processesOf(
  bytes: Uint8Array,
): { readonly from: number; readonly to: number } | undefined {
  if (bytes.length < PROCESS_HEAD_BYTES) return undefined;
  const view = viewOf(bytes);
  const [to, from] = [view.getBigUint64(0), view.getBigUint64(8)];
  if (to > PROCESS_ID_MAX || from > PROCESS_ID_MAX || from === 0n) return undefined;
  return { from: Number(from), to: Number(to) };
}
