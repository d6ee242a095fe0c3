/**
 * The schemas against the protocol reference, entry by entry: nobody can mistype a layout. The fixture was
 * made from the reference, not from the schemas; a field reads `name offset size type [big] [padding] [scale=] [enum=]`.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import type {
  Dialect,
  EnumTable,
  FieldLayout,
  FieldType,
  SizeRule,
} from '../../src/protocol/types.ts';

interface ReferenceStruct {
  readonly size: number;
  readonly fields: readonly string[];
}

interface Reference {
  readonly header: Readonly<Record<string, unknown>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly sockets: Readonly<Record<string, string>>;
  /** `number name domain size struct`. */
  readonly types: readonly string[];
  readonly structs: Readonly<Record<string, ReferenceStruct>>;
}

const reference: Readonly<Record<string, Reference>> = JSON.parse(
  readFileSync(new URL('../fixtures/protocol-reference.json', import.meta.url), 'utf8'),
);

/** How many numbers each registry has. */
const TYPE_COUNTS: Readonly<Record<string, number>> = {
  'alphapulse-early': 44,
  'alphapulse-late': 84,
  'alphapulse-v2-aligned': 80,
  'alphapulse-v2-magicfirst': 82,
  'alphapulse-v2-packed': 80,
  'alphapulse-v2-seqfirst': 80,
  'torq-codec': 84,
  'torq-types': 84,
};

/** Elements of lists, and parts of files, that the reference describes without a name. */
const OUR_STRUCTS: ReadonlySet<string> = new Set([
  'BigEndianInstrumentId',
  'PythonPoolCacheHeader',
  'PythonPoolRecord',
  'StatePoolRecord',
]);
/** The two numbers that the reference names in the layout of a file. */
const OUR_ENUMS: ReadonlySet<string> = new Set(['PythonPoolType']);

const protocol = loadBuiltInProtocol();

test('the dialects are those of the reference', () => {
  expect(protocol.dialectNames).toEqual(Object.keys(reference).sort());
});

describe.each(Object.entries(reference))('%s', (name, expected) => {
  const dialect = protocol.dialect(name);

  test('has the header', () => {
    const { generation, sizeBytes: size, magic, offsets } = dialect.header;
    expect({ generation, size, magic, offsets }).toEqual(expected.header);
  });

  test('has the enums', () => {
    const enums = Object.fromEntries(
      [...dialect.enums]
        .filter(([key]) => !OUR_ENUMS.has(key))
        .map(([key, table]) => [key, asRecord(table)]),
    );
    expect(enums).toEqual(expected.enums);
    expect(dialect.domains).toBe(dialect.enums.get('RelayDomain'));
    expect(dialect.sources).toBe(dialect.enums.get('SourceType'));
    expect([...dialect.enums.values()].filter((table) => table.flags).map((t) => t.name)).toEqual([
      'TraceStageFlags',
    ]);
  });

  test('has the sockets', () => {
    expect(Object.fromEntries(dialect.sockets)).toEqual(expected.sockets);
  });

  test('has all types with their sizes and structs', () => {
    expect(typeLines(dialect)).toEqual(expected.types);
    expect(dialect.types.size).toBe(TYPE_COUNTS[name]);
    expect(dialect.vendorRange).toEqual({ first: 200, last: 254 });
  });

  test('has exactly the structs', () => {
    const structs = [...dialect.structs.keys()].filter((struct) => !OUR_STRUCTS.has(struct));
    expect(structs.sort()).toEqual(Object.keys(expected.structs).sort());
  });

  test.each(Object.entries(expected.structs))('lays out %s', (struct, layout) => {
    const found = dialect.structs.get(struct)!;
    const { size } = found;
    const enumIsOurAddition = struct === 'CodecInstrumentId';
    const fields = found.fields.map((field) => fieldLine(field, enumIsOurAddition));
    expect({ size, fields }).toEqual(layout);
  });
});

test('the codec identifier is named with the tables of the codec', () => {
  const enumsOf = (name: string): (string | undefined)[] =>
    protocol
      .dialect(name)
      .structs.get('CodecInstrumentId')!
      .fields.map((field) => field.enum?.name);
  expect(enumsOf('torq-types')).toEqual([undefined, undefined, undefined, undefined]);
  expect(enumsOf('torq-codec')).toEqual([undefined, undefined, 'AssetType', 'DEXProtocolCodec']);
});

function asRecord(table: EnumTable): Record<string, number> {
  return Object.fromEntries([...table.names].map(([number, name]) => [name, number]));
}

function typeLines(dialect: Dialect): string[] {
  return [...dialect.types.values()].map((type) => {
    const domain = type.domain === 'framing' ? 'any' : type.domain;
    const name = type.name.replace('Vendor:', '');
    return `${type.number} ${name} ${domain} ${sizeText(type.size)} ${type.struct?.name ?? '-'}`;
  });
}

function sizeText(size: SizeRule): string {
  if (size.kind === 'fixed') return String(size.bytes);
  return size.kind === 'bounded' ? `${size.min}..${size.max}` : 'any';
}

function fieldLine(field: FieldLayout, omitEnum: boolean): string {
  const parts = [field.name, field.offset, field.size, typeText(field.type)];
  if (field.type.kind === 'integer' && field.type.endian === 'big') parts.push('big');
  if (field.padding) parts.push('padding');
  if (field.scale !== undefined) parts.push(`scale=${field.scale}`);
  if (field.enum !== undefined && !omitEnum) parts.push(`enum=${field.enum.name}`);
  return parts.join(' ');
}

/** As the reference spells it. */
function typeText(type: FieldType): string {
  switch (type.kind) {
    case 'integer':
      return type.integer;
    case 'bytes':
      return `[u8;${type.length}]`;
    case 'struct':
      return type.struct.name;
    case 'array':
      return `[${typeText(type.element)};${type.count}]`;
    case 'list': {
      const count = type.count.kind === 'field' ? type.count.name : type.count.integer;
      return `list<${typeText(type.element)},${count}>`;
    }
    case 'fixed-vec':
      return `FixedVec<${typeText(type.element)},${type.capacity}>`;
  }
}
