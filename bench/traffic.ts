/** The bytes that the decode benchmark reads: chunks of whole frames, as busy relays deliver them. */
import { encodeMessage } from '../src/protocol/encode.ts';
import type { Dialect, FieldValues } from '../src/protocol/types.ts';

export interface Traffic {
  readonly chunks: readonly Buffer[];
  readonly frames: number;
  readonly bytes: number;
}

/** What one read of a relay returns at most. */
const CHUNK_BYTES_MAX = 65_536;

type TlvParts = Parameters<typeof encodeMessage>[1]['tlvs'][number];

export function makeTraffic(
  dialect: Dialect,
  tlv: TlvParts,
  { frames, checksum }: { readonly frames: number; readonly checksum: 'valid' | 'zero' },
): Traffic {
  const chunks: Buffer[] = [];
  let open: Uint8Array[] = [];
  let openBytes = 0;
  let bytes = 0;
  for (let index = 0; index < frames; index++) {
    const header = {
      relay_domain: 1,
      version: 1,
      source: 1 + (index % 4),
      flags: 0,
      sequence: String(index),
      timestamp: String(1_756_000_000_000_000_000n + BigInt(index) * 1_000n),
    };
    const frame = encodeMessage(dialect, { header, tlvs: [tlv] }, checksum);
    if (openBytes + frame.length > CHUNK_BYTES_MAX) {
      chunks.push(ownBuffer(open));
      open = [];
      openBytes = 0;
    }
    open.push(frame);
    openBytes += frame.length;
    bytes += frame.length;
  }
  chunks.push(ownBuffer(open));
  return { chunks, frames, bytes };
}

/** Not a piece of a pool: Kaitai's stream reads a whole ArrayBuffer. */
function ownBuffer(parts: readonly Uint8Array[]): Buffer {
  return Buffer.from(new Uint8Array(Buffer.concat(parts)).buffer);
}

/** 32 bytes of header, 2 of TLV head, 66 of a vendor's value: 100. */
export const HUNDRED_BYTES: TlvParts = {
  type: 200,
  extended: false,
  fields: { raw: '5a'.repeat(66) },
};

export const TRADE: FieldValues = {
  asset_id: '4779519138295185408',
  price: '6512345000000',
  volume: '-12500000',
  execution_timestamp_ns: '1756000000123456789',
  venue_id: 101,
  asset_type: 51,
  reserved: 0,
  side: 1,
};

export const POOL_SWAP: FieldValues = {
  amount_in: '1000000000000000000',
  amount_out: '2412345678',
  liquidity_after: '987654321098765432109876',
  timestamp_ns: '1756000000123456789',
  block_number: '75123456',
  tick_after: -201234,
  venue: 301,
  amount_in_decimals: 18,
  amount_out_decimals: 6,
  pool_address: '45dda9cb7c25131df268515131f647d726f50608',
  token_in_addr: '7ceb23fd6bc0add59e62ac25578270cff1b9f619',
  token_out_addr: '2791bca1f2de4661ed88a30c99a7a9449aa84174',
  sqrt_price_x96_after: '0102030405060708090a0b0c0d0e0f10'.repeat(2),
};

const LEVELS = 10;
export const ORDER_BOOK: FieldValues = {
  snapshot_timestamp_ns: '1756000000123456789',
  sequence: '42',
  precision_factor: '100000000',
  asset_id: '4779519138295185408',
  venue_id: 101,
  asset_type: 51,
  reserved: 0,
  bids: { count: LEVELS, elements: levels(6_500_000_000_000, -1_000_000) },
  asks: { count: LEVELS, elements: levels(6_500_001_000_000, 1_000_000) },
};

function levels(price: number, step: number): readonly FieldValues[] {
  return Array.from({ length: LEVELS }, (_, index) => ({
    price: String(price + index * step),
    size: String(10_000_000 * (index + 1)),
    order_count: index + 1,
    reserved: 0,
  }));
}
