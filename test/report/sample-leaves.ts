/**
 * A small stand-in for the decoder: names the bytes of frames with the header of today, trades and order
 * books. The report takes any description, so its tests do not depend on the schemas.
 */
import { toHex } from '../../src/lib/bytes.ts';
import type { Leaf } from '../../src/protocol/types.ts';
import { viewOf } from '../../src/wire/header.ts';
import { walkTlvs } from '../../src/wire/tlv.ts';
import type { HeaderLayout } from '../../src/wire/types.ts';
import { H3 } from '../support/frames.ts';

export const SAMPLE_LAYOUT: HeaderLayout = H3;

type Cell = readonly [
  name: string,
  length: number,
  leafClass?: Leaf['class'],
  display?: (value: bigint) => string,
];

const fixed = (value: bigint): string => (Number(value) / 1e8).toFixed(8).replace(/\.?0+$/, '');
const time = (value: bigint): string => {
  const ns = (value % 1_000_000_000n).toString().padStart(9, '0');
  return `${new Date(Number(value / 1_000_000n)).toISOString().slice(0, 19)}.${ns}Z`;
};

const HEADER: readonly Cell[] = [
  ['magic', 4, 'semantic', (value) => `0x${value.toString(16).toUpperCase()}`],
  ['relay_domain', 1, 'semantic', (value) => (value === 1n ? 'MarketData' : 'Signal')],
  ['version', 1],
  ['source', 1, 'semantic', () => 'KrakenCollector'],
  ['flags', 1],
  ['sequence', 8],
  ['timestamp', 8, 'semantic', time],
  ['payload_size', 4, 'encoding'],
  ['checksum', 4, 'encoding', (value) => (value === 0n ? 'not computed' : 'valid')],
];

const TRADE: readonly Cell[] = [
  ['asset_id', 8],
  ['price', 8, 'semantic', fixed],
  ['volume', 8, 'semantic', fixed],
  ['execution_timestamp_ns', 8, 'semantic', time],
  ['venue_id', 2, 'semantic', () => 'Kraken'],
  ['asset_type', 1, 'semantic', () => 'CryptoPair'],
  ['reserved', 1],
  ['side', 1, 'semantic', (value) => (value === 0n ? 'Buy' : 'Sell')],
  ['_padding', 3, 'padding'],
];

const LEVEL: readonly Cell[] = [
  ['price', 8, 'semantic', fixed],
  ['size', 8, 'semantic', fixed],
  ['order_count', 4],
  ['reserved', 4],
];

const STRUCTS: ReadonlyMap<number, { readonly name: string; readonly cells: readonly Cell[] }> =
  new Map([
    [1, { name: 'Trade', cells: TRADE }],
    [3, { name: 'OrderBook', cells: [] }],
  ]);

export function describeSample(frame: Uint8Array): Leaf[] {
  const leaves = readCells(frame, 0, 'header', HEADER);
  const { tlvs, defect } = walkTlvs(frame.subarray(32));
  for (const [index, tlv] of tlvs.entries()) {
    const path = `tlv[${index}]`;
    const head: Cell[] = tlv.extended
      ? [
          ['marker', 1, 'encoding'],
          ['reserved', 1, 'encoding'],
          ['type', 1, 'semantic'],
          ['length', 2, 'encoding'],
        ]
      : [
          ['type', 1, 'semantic', (value) => STRUCTS.get(Number(value))?.name ?? 'Unknown'],
          ['length', 1, 'encoding'],
        ];
    leaves.push(...readCells(frame, 32 + tlv.offset, path, head));
    const struct = STRUCTS.get(tlv.type);
    const start = 32 + tlv.valueOffset;
    const name = `${path}.${struct?.name ?? `type-${tlv.type}`}`;
    if (struct?.name === 'OrderBook') {
      for (let level = 0; level * 24 < tlv.length; level++) {
        leaves.push(...readCells(frame, start + level * 24, `${name}.bids[${level}]`, LEVEL));
      }
    } else if (struct !== undefined && tlv.length === 40) {
      leaves.push(...readCells(frame, start, name, struct.cells));
    } else {
      leaves.push(...readCells(frame, start, name, [['data', tlv.length]]));
    }
  }
  if (defect !== undefined) {
    leaves.push(...readCells(frame, 32 + defect.offset, 'payload', [['undecoded', defect.length]]));
  }
  return leaves;
}

function readCells(
  frame: Uint8Array,
  start: number,
  prefix: string,
  cells: readonly Cell[],
): Leaf[] {
  let offset = start;
  return cells.map(([name, length, leafClass = 'semantic', display]) => {
    const bytes = frame.subarray(offset, offset + length);
    const value = length > 8 || length === 3 ? toHex(bytes) : String(readInteger(bytes));
    const leaf: Leaf = {
      path: `${prefix}.${name}`,
      offset,
      length,
      value,
      ...(display === undefined ? {} : { display: display(readInteger(bytes)) }),
      class: leafClass,
    };
    offset += length;
    return leaf;
  });
}

function readInteger(bytes: Uint8Array): bigint {
  const whole = new Uint8Array(8);
  whole.set(bytes.subarray(0, 8));
  return viewOf(whole).getBigUint64(0, true);
}
