/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), for Wireshark and its like: one section, an interface a
 * stream, times in nanoseconds. Builds bytes only; what is in them, and where they go to, is the caller's.
 */
import { viewOf } from '../wire/header.ts';

/** LINKTYPE_USER0 to LINKTYPE_USER15: for private use; a dissector claims one. */
export const LINK_TYPE_USER0 = 147;
export const LINK_TYPE_USER15 = 162;
/** What Wireshark takes at most of one unit; a file with a longer one is refused. */
export const CAPTURED_BYTES_MAX = 262_144;

export const BLOCK = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  oldPacket: 2,
  simplePacket: 3,
  enhancedPacket: 6,
  /** A record of a capture as JSON text. Types with the highest bit are for local use: other programs pass over them. */
  record: 0x80005244,
} as const;

export const OPTION = {
  end: 0,
  comment: 1,
  interfaceName: 2,
  packetFlags: 2,
  application: 4,
  timeResolution: 9,
  timeOffset: 14,
  /** Which chunks the bytes of a unit are of. Codes with the highest bit are for local use. */
  chunks: 0x8001,
} as const;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** 10^-9 seconds. */
const NANOSECONDS = Uint8Array.of(9);
const U32_MAX = 0xffff_ffff;

type Option = readonly [code: number, value: Uint8Array];

/** The first block of the file. `application`: what wrote it. */
export function sectionHeader(application: string, comments: readonly string[] = []): Uint8Array {
  const body = new Uint8Array(16);
  const view = viewOf(body);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  // The length of the section is not known.
  view.setBigInt64(8, -1n, true);
  const options: readonly Option[] = [
    ...comments.map((comment): Option => [OPTION.comment, utf8(comment)]),
    [OPTION.application, utf8(application)],
  ];
  return block(BLOCK.sectionHeader, [body], options);
}

/** Interfaces are numbered in the order of their blocks, from 0. */
export function interfaceDescription(name: string): Uint8Array {
  const body = new Uint8Array(8);
  viewOf(body).setUint16(0, LINK_TYPE_USER0, true);
  const options: readonly Option[] = [
    [OPTION.interfaceName, utf8(name)],
    [OPTION.timeResolution, NANOSECONDS],
  ];
  return block(BLOCK.interfaceDescription, [body], options);
}

export interface CapturedUnit {
  readonly interface: number;
  /** ns since the Unix epoch. */
  readonly unixNs: bigint;
  /** More than CAPTURED_BYTES_MAX are cut, and the length says so. */
  readonly bytes: Uint8Array;
  /** How many bytes there were, as far as 32 bits tell; by default as many as `bytes` has. */
  readonly originalBytes?: number;
  readonly comment?: string;
  /** Parts of one text, each short enough for an option. */
  readonly chunks?: readonly string[];
}

export function enhancedPacket(unit: CapturedUnit): Uint8Array {
  const captured = unit.bytes.subarray(0, CAPTURED_BYTES_MAX);
  const head = new Uint8Array(20);
  const view = viewOf(head);
  view.setUint32(0, unit.interface, true);
  view.setUint32(4, Number((unit.unixNs >> 32n) & 0xffffffffn), true);
  view.setUint32(8, Number(unit.unixNs & 0xffffffffn), true);
  view.setUint32(12, captured.length, true);
  view.setUint32(16, Math.min(unit.originalBytes ?? unit.bytes.length, U32_MAX), true);
  const options: Option[] = [];
  if (unit.comment !== undefined) options.push([OPTION.comment, utf8(unit.comment)]);
  for (const text of unit.chunks ?? []) options.push([OPTION.chunks, utf8(text)]);
  return block(BLOCK.enhancedPacket, [head, captured], options);
}

/** The text is filled up with spaces, which mean nothing in JSON. */
export function recordBlock(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const body = new Uint8Array(padded(text.length)).fill(0x20);
  body.set(text);
  return block(BLOCK.record, [body], []);
}

const OPTION_HEAD_BYTES = 4;

/** Type and length before the body, the length again behind it. Each part is filled up to a multiple of four bytes. */
function block(type: number, parts: readonly Uint8Array[], options: readonly Option[]): Uint8Array {
  const ended: readonly Option[] = options.length === 0 ? [] : [...options, END_OF_OPTIONS];
  let length = 12;
  for (const part of parts) length += padded(part.length);
  for (const [, value] of ended) length += OPTION_HEAD_BYTES + padded(value.length);
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += padded(part.length);
  }
  for (const [code, value] of ended) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + OPTION_HEAD_BYTES);
    at += OPTION_HEAD_BYTES + padded(value.length);
  }
  view.setUint32(at, length, true);
  return bytes;
}

const END_OF_OPTIONS: Option = [OPTION.end, new Uint8Array()];

/** The next multiple of four. */
function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

export const OPTION_BYTES_MAX = 65_535;

/** What an option can hold of a text, without half a character at the end. */
function utf8(text: string): Uint8Array {
  if (3 * text.length <= OPTION_BYTES_MAX) return Buffer.from(text);
  const bytes = new Uint8Array(OPTION_BYTES_MAX);
  return bytes.subarray(0, new TextEncoder().encodeInto(text, bytes).written);
}
