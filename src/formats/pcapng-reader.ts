/**
 * Takes a pcapng file apart, in either byte order: blocks, options, interfaces, units. Knows the format and not what
 * is in the units. Throws IMPORT_INVALID with the byte at which a block begins that makes no sense.
 */
import { viewOf } from '../wire/header.ts';
import { importInvalid } from './import-records.ts';
import type { InputFile } from './input-file.ts';
import { BLOCK, BYTE_ORDER_MAGIC, OPTION } from './pcapng-blocks.ts';

export interface PcapngBlock {
  readonly type: number;
  /** Where it begins in the file. */
  readonly at: number;
  /** Between the two lengths; valid until the next block. */
  readonly body: Uint8Array;
  readonly isLittleEndian: boolean;
}

export interface PcapngOption {
  readonly code: number;
  readonly value: Uint8Array;
}

export interface PcapngInterface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapBytes: number;
  readonly name: string | undefined;
  /** ns since the Unix epoch of a time of the file. */
  readonly unixNs: (ticks: bigint) => bigint;
}

export interface PcapngUnit {
  readonly interface: number;
  /** Undefined in a simple block, which has none. */
  readonly ticks: bigint | undefined;
  readonly bytes: Uint8Array;
  /** Where `bytes` begins in the file. */
  readonly bytesAt: number;
  /** How many bytes there were. */
  readonly originalBytes: number;
  readonly options: readonly PcapngOption[];
}

const HEAD_BYTES = 8;
const FRAME_BYTES = 12;
const BLOCK_BYTES_MAX = 64 * 1024 * 1024;

export function* pcapngBlocks(input: InputFile): Generator<PcapngBlock> {
  let isLittleEndian = true;
  for (let at = 0; at < input.size; ) {
    const head = input.read(at, FRAME_BYTES);
    if (head.length < FRAME_BYTES)
      throw faultAt(input, at, `the file ends within a block, after ${head.length} bytes of it`);
    if (viewOf(head).getUint32(0) === BLOCK.sectionHeader)
      isLittleEndian = byteOrder(input, at, head);
    else if (at === 0) throw faultAt(input, 0, 'a pcapng file begins with a section header');
    const type = viewOf(head).getUint32(0, isLittleEndian);
    const length = viewOf(head).getUint32(4, isLittleEndian);
    checkLength(input, at, length);
    const block = input.read(at, length);
    const again = viewOf(block).getUint32(length - 4, isLittleEndian);
    if (again !== length)
      throw faultAt(input, at, `a block says its length twice: ${length}, then ${again}`);
    yield { type, at, body: block.subarray(HEAD_BYTES, length - 4), isLittleEndian };
    at += length;
  }
}

function byteOrder(input: InputFile, at: number, head: Uint8Array): boolean {
  const view = viewOf(head);
  if (view.getUint32(8, true) === BYTE_ORDER_MAGIC) return true;
  if (view.getUint32(8, false) === BYTE_ORDER_MAGIC) return false;
  throw faultAt(input, at, 'a section header without the byte-order magic');
}

function checkLength(input: InputFile, at: number, length: number): void {
  if (length < FRAME_BYTES || length % 4 !== 0)
    throw faultAt(input, at, `a block cannot be ${length} bytes long`);
  if (at + length > input.size) {
    const there = input.size - at;
    throw faultAt(input, at, `the file ends within a block of ${length} bytes, after ${there}`);
  }
  if (length > BLOCK_BYTES_MAX)
    throw faultAt(input, at, `a block of ${length} bytes; 64 MiB are read at most`);
}

export function faultAt(input: InputFile, at: number, what: string): Error {
  return importInvalid(input.path, `byte ${at}`, what);
}

/** The interface that a block describes. */
export function readInterface(input: InputFile, block: PcapngBlock): PcapngInterface {
  const { body, at, isLittleEndian } = block;
  if (body.length < 8) throw faultAt(input, at, 'an interface description that is too short');
  const view = viewOf(body);
  const options = optionsOf(input, block, 8);
  const valueOf = (code: number): Uint8Array | undefined =>
    options.find((option) => option.code === code && option.value.length > 0)?.value;
  const name = valueOf(OPTION.interfaceName);
  const offset = valueOf(OPTION.timeOffset);
  const offsetSeconds = offset?.length === 8 ? viewOf(offset).getBigInt64(0, isLittleEndian) : 0n;
  return {
    linkType: view.getUint16(0, isLittleEndian),
    snapBytes: view.getUint32(4, isLittleEndian),
    name: name && new TextDecoder().decode(name),
    unixNs: clock(valueOf(OPTION.timeResolution)?.[0] ?? MICROSECONDS, offsetSeconds),
  };
}

/** What a file means that says nothing: 10^-6 seconds. */
const MICROSECONDS = 6;
const NS_A_SECOND = 1_000_000_000n;

/** `resolution`: a negative power of 10, or of 2 when the highest bit is set. */
function clock(resolution: number, offsetSeconds: bigint): PcapngInterface['unixNs'] {
  const power = BigInt(resolution & 0x7f);
  const ticksASecond = (resolution & 0x80) === 0 ? 10n ** power : 2n ** power;
  return (ticks) => (ticks * NS_A_SECOND) / ticksASecond + offsetSeconds * NS_A_SECOND;
}

/** The unit that a block holds; undefined for blocks that hold none. */
export function readUnit(
  input: InputFile,
  block: PcapngBlock,
  interfaces: readonly PcapngInterface[],
): PcapngUnit | undefined {
  switch (block.type) {
    case BLOCK.enhancedPacket:
    case BLOCK.oldPacket:
      return timedUnit(input, block);
    case BLOCK.simplePacket:
      return simpleUnit(input, block, interfaces[0]);
    default:
      return undefined;
  }
}

const TIMED_HEAD_BYTES = 20;

function timedUnit(input: InputFile, block: PcapngBlock): PcapngUnit {
  const { type, at, body, isLittleEndian } = block;
  if (body.length < TIMED_HEAD_BYTES) throw faultAt(input, at, 'a unit without its head');
  const view = viewOf(body);
  const u32 = (offset: number): number => view.getUint32(offset, isLittleEndian);
  const isOld = type === BLOCK.oldPacket;
  const captured = u32(12);
  const end = TIMED_HEAD_BYTES + captured;
  if (end > body.length)
    throw faultAt(
      input,
      at,
      `a unit of ${captured} bytes in a block of ${body.length + FRAME_BYTES}`,
    );
  return {
    interface: isOld ? view.getUint16(0, isLittleEndian) : u32(0),
    ticks: (BigInt(u32(4)) << 32n) | BigInt(u32(8)),
    bytes: body.subarray(TIMED_HEAD_BYTES, end),
    bytesAt: at + HEAD_BYTES + TIMED_HEAD_BYTES,
    originalBytes: u32(16),
    options: optionsOf(input, block, Math.ceil(end / 4) * 4),
  };
}

function simpleUnit(
  input: InputFile,
  { at, body, isLittleEndian }: PcapngBlock,
  first: PcapngInterface | undefined,
): PcapngUnit {
  if (body.length < 4 || first === undefined)
    throw faultAt(input, at, 'a simple unit without a head, or without an interface');
  const originalBytes = viewOf(body).getUint32(0, isLittleEndian);
  const limit = first.snapBytes === 0 ? originalBytes : Math.min(originalBytes, first.snapBytes);
  const bytes = body.subarray(4, 4 + limit);
  return {
    interface: 0,
    ticks: undefined,
    bytes,
    bytesAt: at + HEAD_BYTES + 4,
    originalBytes,
    options: [],
  };
}

function optionsOf(input: InputFile, block: PcapngBlock, from: number): readonly PcapngOption[] {
  const { at, body, isLittleEndian } = block;
  const view = viewOf(body);
  const options: PcapngOption[] = [];
  for (let offset = from; offset + 4 <= body.length; ) {
    const code = view.getUint16(offset, isLittleEndian);
    const length = view.getUint16(offset + 2, isLittleEndian);
    if (code === OPTION.end) break;
    const value = body.subarray(offset + 4, offset + 4 + length);
    if (value.length < length)
      throw faultAt(input, at, `option ${code} of ${length} bytes goes beyond its block`);
    options.push({ code, value });
    offset += 4 + Math.ceil(length / 4) * 4;
  }
  return options;
}
