/**
 * The three structs for the library binary-parser, as its manual says: what decision 0008 is about. Two halves of a
 * number of 128 bits are joined by hand, because the library has none.
 */
// The package's "exports" hide its types; this path has both the types and the code.
import { Parser } from 'binary-parser/dist/binary_parser.js';

export type ParseValue = (value: Uint8Array) => Readonly<Record<string, unknown>>;

const LEVELS_MAX = 50;
const LEVEL_BYTES = 24;

function little(): Parser {
  return new Parser().endianness('little');
}

interface Halves {
  readonly low: bigint;
  readonly high: bigint;
}

function addWide(parser: Parser, name: string): Parser {
  return parser.nest(name, {
    type: little().uint64('low').uint64('high'),
    formatter: ({ low, high }: Halves) => (high === 0n ? low : (high << 64n) | low),
  });
}

function trade(): Parser {
  return little()
    .uint64('asset_id')
    .int64('price')
    .int64('volume')
    .uint64('execution_timestamp_ns')
    .uint16('venue_id')
    .uint8('asset_type')
    .uint8('reserved')
    .uint8('side');
}

function poolSwap(): Parser {
  const parser = little();
  for (const name of ['amount_in', 'amount_out', 'liquidity_after']) addWide(parser, name);
  parser
    .uint64('timestamp_ns')
    .uint64('block_number')
    .int32('tick_after')
    .uint16('venue')
    .uint8('amount_in_decimals')
    .uint8('amount_out_decimals')
    .seek(8);
  for (const name of ['pool_address', 'token_in_addr', 'token_out_addr'])
    parser.buffer(name, { length: 20 }).seek(12);
  return parser.buffer('sqrt_price_x96_after', { length: 32 });
}

function orderBook(): Parser {
  return little()
    .uint64('snapshot_timestamp_ns')
    .uint64('sequence')
    .int64('precision_factor')
    .uint64('asset_id')
    .uint16('venue_id')
    .uint8('asset_type')
    .uint8('reserved')
    .seek(4)
    .nest('bids', { type: levels() })
    .nest('asks', { type: levels() });
}

function levels(): Parser {
  const level = little().int64('price').int64('size').uint32('order_count').uint32('reserved');
  return little()
    .uint16('count')
    .seek(6)
    .array('elements', { type: level, length: 'count' })
    .seek(unusedBytes);

  // The library calls it with what was read so far as `this`.
  function unusedBytes(this: { readonly count: number }): number {
    return (LEVELS_MAX - this.count) * LEVEL_BYTES;
  }
}

const PARSERS: Readonly<Record<string, () => Parser>> = {
  TradeTLV: trade,
  PoolSwapTLV: poolSwap,
  OrderBookTLV: orderBook,
};

export function binaryParser(layout: string): ParseValue {
  const parser = PARSERS[layout]?.();
  if (parser === undefined) throw new Error(`no parser for ${layout}`);
  return (value) => parser.parse(value);
}
