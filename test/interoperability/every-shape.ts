/** A dialect of no relay, with every shape that a field can have, the rare ones of today's dialects together. */
import { readBuiltInSchemas } from '../../src/protocol/files.ts';
import { loadProtocol } from '../../src/protocol/load.ts';
import type { Dialect } from '../../src/protocol/types.ts';

const YAML = `
extends: torq-types
description: 'Every shape "of" a field \\ and what strings must escape'

structs:
  Wide:
    size: 80
    fields:
      - { name: a, type: u128 }
      - { name: b, type: i128 }
      - { name: c, type: u128, endian: big }
      - { name: d, type: i128, endian: big }
      - { name: e, type: i64, endian: big, scale: 30 }
      - { name: and, type: u64, endian: big, unit: unix-ns }
  Small:
    size: 16
    fields:
      - { name: a, type: i32, endian: big }
      - { name: b, type: u32, endian: big, unit: unix-s }
      - { name: stages, type: u16, endian: big, enum: TraceStageFlags }
      - { name: side, type: u32, enum: Side }
      - { name: _gap, type: bytes<2>, padding: true }
  'FixedVec<Small,3>':
    size: 52
    fixed_vec: true
    fields:
      - { name: count, type: u16 }
      - { name: _padding, type: bytes<2>, padding: true }
      - { name: elements, type: 'array<Small,3>' }
  Arrays:
    size: 142
    fields:
      - { name: matrix, type: 'array<array<u16,3>,2>' }
      - { name: keys, type: 'array<bytes<4>,2>' }
      - { name: smalls, type: 'array<Small,2>' }
      - { name: sides, type: 'array<u8,4>' }
      - { name: vecs, type: 'FixedVec<Small,3>' }
      - { name: wides, type: 'array<i128,2>' }
      - { name: _end, type: bytes<2>, padding: true }
  Lists:
    size: 7
    fields:
      - { name: many, type: u8 }
      - { name: smalls, type: list<Small>, count: u16, endian: big }
      - { name: smalls_count, type: u8 }
      - { name: bytes, type: list<bytes<3>>, count: many }
      - { name: vecs, type: 'list<FixedVec<Small,3>>', count: u8 }
      - { name: end, type: u16 }
types:
  - { number: 210, name: 'Wide', domain: vendor, size: any, struct: Wide }
  - { number: 211, name: 'Arrays', domain: vendor, size: any, struct: Arrays }
  - { number: 212, name: 'Lists', domain: vendor, size: any, struct: Lists }
`;

export function everyShape(): Dialect {
  const sources = new Map([...readBuiltInSchemas(), ['every-shape.yaml', YAML]]);
  return loadProtocol(sources).dialect('every-shape');
}
