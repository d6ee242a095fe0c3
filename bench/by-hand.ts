/**
 * What somebody writes who needs three messages of one dialect and no more: DataView, offsets as numbers, no checks.
 * 64-bit numbers are bigint, bytes are views. The layouts are those of torq-types.
 */

const HEADER_BYTES = 32;
const MAGIC = 0xdeadbeef;

/** Frames of a chunk that holds whole frames only; returns how many. */
export function framesByHand(
  chunk: Uint8Array,
  visit: (view: DataView, at: number, bytes: number) => void,
): number {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  let frames = 0;
  for (let at = 0; at < chunk.byteLength; ) {
    if (view.getUint32(at, true) !== MAGIC) throw new Error('no header');
    const bytes = HEADER_BYTES + view.getUint32(at + 24, true);
    visit(view, at, bytes);
    at += bytes;
    frames++;
  }
  return frames;
}

export function headerByHand(view: DataView, at: number) {
  return {
    magic: view.getUint32(at, true),
    domain: view.getUint8(at + 4),
    version: view.getUint8(at + 5),
    source: view.getUint8(at + 6),
    flags: view.getUint8(at + 7),
    sequence: view.getBigUint64(at + 8, true),
    timestamp: view.getBigUint64(at + 16, true),
    payloadSize: view.getUint32(at + 24, true),
    checksum: view.getUint32(at + 28, true),
  };
}

export interface TlvByHand {
  readonly type: number;
  readonly valueAt: number;
  readonly length: number;
}

export function tlvsByHand(view: DataView, start: number, end: number): readonly TlvByHand[] {
  const tlvs: TlvByHand[] = [];
  for (let at = start; at < end; ) {
    const extended = view.getUint8(at) === 255;
    const type = view.getUint8(extended ? at + 2 : at);
    const length = extended ? view.getUint16(at + 3, true) : view.getUint8(at + 1);
    const valueAt = at + (extended ? 5 : 2);
    tlvs.push({ type, valueAt, length });
    at = valueAt + length;
  }
  return tlvs;
}

export function tradeByHand(view: DataView, at: number) {
  return {
    assetId: view.getBigUint64(at, true),
    price: view.getBigInt64(at + 8, true),
    volume: view.getBigInt64(at + 16, true),
    executionTimestampNs: view.getBigUint64(at + 24, true),
    venueId: view.getUint16(at + 32, true),
    assetType: view.getUint8(at + 34),
    reserved: view.getUint8(at + 35),
    side: view.getUint8(at + 36),
  };
}

export function poolSwapByHand(view: DataView, at: number) {
  return {
    amountIn: u128(view, at),
    amountOut: u128(view, at + 16),
    liquidityAfter: u128(view, at + 32),
    timestampNs: view.getBigUint64(at + 48, true),
    blockNumber: view.getBigUint64(at + 56, true),
    tickAfter: view.getInt32(at + 64, true),
    venue: view.getUint16(at + 68, true),
    amountInDecimals: view.getUint8(at + 70),
    amountOutDecimals: view.getUint8(at + 71),
    poolAddress: bytes(view, at + 80, 20),
    tokenInAddr: bytes(view, at + 112, 20),
    tokenOutAddr: bytes(view, at + 144, 20),
    sqrtPriceX96After: bytes(view, at + 176, 32),
  };
}

export function orderBookByHand(view: DataView, at: number) {
  return {
    snapshotTimestampNs: view.getBigUint64(at, true),
    sequence: view.getBigUint64(at + 8, true),
    precisionFactor: view.getBigInt64(at + 16, true),
    assetId: view.getBigUint64(at + 24, true),
    venueId: view.getUint16(at + 32, true),
    assetType: view.getUint8(at + 34),
    reserved: view.getUint8(at + 35),
    bids: levels(view, at + 40),
    asks: levels(view, at + 1_248),
  };
}

function levels(view: DataView, at: number) {
  const count = view.getUint16(at, true);
  const elements = [];
  for (let index = 0; index < count; index++) {
    const place = at + 8 + index * 24;
    elements.push({
      price: view.getBigInt64(place, true),
      size: view.getBigInt64(place + 8, true),
      orderCount: view.getUint32(place + 16, true),
      reserved: view.getUint32(place + 20, true),
    });
  }
  return { count, elements };
}

function u128(view: DataView, at: number): bigint {
  return (view.getBigUint64(at + 8, true) << 64n) | view.getBigUint64(at, true);
}

function bytes(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
