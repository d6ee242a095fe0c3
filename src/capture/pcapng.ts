/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), for Wireshark and its like: one section, an interface a
 * stream, times in nanoseconds. Builds bytes only; where frames come from and go to is the caller's.
 */
import { viewOf } from '../wire/header.ts';

/** LINKTYPE_USER0: for private use; a dissector claims it. */
const LINK_TYPE_USER0 = 147;
/** What Wireshark takes at most of one packet; a file with a longer one is refused. */
export const CAPTURED_BYTES_MAX = 262_144;

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

const OPTION_END = 0;
const OPTION_COMMENT = 1;
const OPTION_INTERFACE_NAME = 2;
const OPTION_APPLICATION = 4;
const OPTION_TIME_RESOLUTION = 9;
/** 10^-9 seconds. */
const NANOSECONDS = Uint8Array.of(9);

/** The first block of the file. `application`: what wrote it. */
export function sectionHeader(application: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = viewOf(body);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  // The length of the section is not known.
  view.setBigInt64(8, -1n, true);
  return block(SECTION_HEADER, [body, ...options([[OPTION_APPLICATION, utf8(application)]])]);
}

/** Interfaces are numbered in the order of their blocks, from 0. */
export function interfaceDescription(name: string): Uint8Array {
  const body = new Uint8Array(8);
  viewOf(body).setUint16(0, LINK_TYPE_USER0, true);
  const described = options([
    [OPTION_INTERFACE_NAME, utf8(name)],
    [OPTION_TIME_RESOLUTION, NANOSECONDS],
  ]);
  return block(INTERFACE_DESCRIPTION, [body, ...described]);
}

export interface CapturedUnit {
  readonly interface: number;
  /** ns since the Unix epoch. */
  readonly unixNs: bigint;
  /** More than CAPTURED_BYTES_MAX are cut, and the length says so. */
  readonly bytes: Uint8Array;
  /** How many bytes there were; by default as many as `bytes` has. */
  readonly originalBytes?: number;
  readonly comment?: string;
}

export function enhancedPacket(unit: CapturedUnit): Uint8Array {
  const captured = unit.bytes.subarray(0, CAPTURED_BYTES_MAX);
  const head = new Uint8Array(20);
  const view = viewOf(head);
  view.setUint32(0, unit.interface, true);
  view.setUint32(4, Number((unit.unixNs >> 32n) & 0xffffffffn), true);
  view.setUint32(8, Number(unit.unixNs & 0xffffffffn), true);
  view.setUint32(12, captured.length, true);
  view.setUint32(16, unit.originalBytes ?? unit.bytes.length, true);
  const commented =
    unit.comment === undefined ? [] : options([[OPTION_COMMENT, utf8(unit.comment)]]);
  return block(ENHANCED_PACKET, [head, padded(captured), ...commented]);
}

/** Type and length before the body, the length again behind it. */
function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 12);
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(at, length, true);
  return bytes;
}

function options(list: readonly (readonly [code: number, value: Uint8Array])[]): Uint8Array[] {
  const ended = [...list, [OPTION_END, new Uint8Array()] as const];
  return ended.flatMap(([code, value]) => {
    const head = new Uint8Array(4);
    viewOf(head).setUint16(0, code, true);
    viewOf(head).setUint16(2, value.length, true);
    return [head, padded(value)];
  });
}

/** To a multiple of four bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 4 === 0) return bytes;
  const longer = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  longer.set(bytes);
  return longer;
}

const OPTION_BYTES_MAX = 65_535;

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text).subarray(0, OPTION_BYTES_MAX);
}
