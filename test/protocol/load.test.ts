/** Loading schemas: how dialects are put together, and that each kind of mistake is told with its place. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import { OperatingError } from '../../src/lib/operating-error.ts';
import { encodeMessage, encodeStruct } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol, readBuiltInSchemas } from '../../src/protocol/files.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import { loadProtocol, type Protocol } from '../../src/protocol/load.ts';
import { spelledMessage, spelledStruct } from './spelled.ts';

/** A whole dialect with one struct of each kind; the tests spoil one line of it. */
const TINY = `description: a tiny dialect
header: H1
headers:
  H1:
    size: 32
    magic: 0xDEADBEEF
    fields:
      - { name: magic, type: u32 }
      - { name: relay_domain, type: u8 }
      - { name: version, type: u8 }
      - { name: source, type: u8 }
      - { name: flags, type: u8 }
      - { name: payload_size, type: u32 }
      - { name: checksum, type: u32 }
      - { name: sequence, type: u64 }
      - { name: timestamp, type: u64 }
framing:
  standard: { head_bytes: 2, value_bytes_max: 255 }
  extended: { head_bytes: 5, value_bytes_max: 65535, marker: 255, reserved: 0 }
  vendor: { first: 200, last: 254 }
enums:
  RelayDomain: { MarketData: 1 }
  SourceType: { Collector: 1, Dashboard: 2 }
flags:
  Stages: { first: 1, second: 2 }
structs:
  Level:
    size: 10
    fields:
      - { name: price, type: i64, scale: 2, endian: big }
      - { name: venue, type: u16, enum: SourceType }
  'FixedVec<Level,3>':
    size: 32
    fixed_vec: true
    fields:
      - { name: count, type: u16 }
      - { name: elements, type: 'array<Level,3>' }
  Book:
    size: 48
    fields:
      - { name: levels, type: 'FixedVec<Level,3>' }
      - { name: best, type: Level, offset: 32 }
      - { name: stages, type: u8, enum: Stages }
      - { name: words, type: 'array<u16,2>' }
      - { name: _padding, type: bytes<1>, implicit: true }
types:
  - { number: 1, name: Book, domain: MarketData, size: 20..60, struct: Book }
  - { number: 2, name: Level, domain: MarketData, size: 10, struct: Level }
  - { number: 200, name: Extra, domain: vendor, size: any }
`;

function load(files: Readonly<Record<string, string>>): Protocol {
  return loadProtocol(new Map(Object.entries(files)));
}

/** The mistakes that loading these files reports, one a line. */
function mistakesOf(files: Readonly<Record<string, string>>): string[] {
  try {
    load(files);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    expect(error.code).toBe('SCHEMA_INVALID');
    expect(error.hint).toMatch(/README/);
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

/** TINY with one text replaced; `@` in it marks the place that the mistake must name. */
function spoil(find: string, replacement: string): { text: string; place: string } {
  expect(TINY.split(find)).toHaveLength(2);
  const marked = TINY.replace(find, replacement);
  const before = marked.slice(0, marked.indexOf('@')).split('\n');
  return {
    text: marked.replace('@', ''),
    place: marked.includes('@')
      ? `tiny.yaml:${before.length}:${(before.at(-1) ?? '').length + 1}: `
      : 'tiny.yaml:',
  };
}

describe('a correct schema', () => {
  const dialect = load({ 'tiny.yaml': TINY }).dialect('tiny');

  test('derives offsets from the order of the header fields', () => {
    expect(dialect.header.offsets).toMatchObject({ payload_size: 8, checksum: 12, timestamp: 24 });
  });

  test('lays out nested structs, arrays and FixedVecs', () => {
    const book = dialect.structs.get('Book')!;
    expect(book.fields.map(({ name, offset, size }) => [name, offset, size])).toEqual([
      ['levels', 0, 32],
      ['best', 32, 10],
      ['stages', 42, 1],
      ['words', 43, 4],
      ['_padding', 47, 1],
    ]);
    expect(book.fields[0]?.type).toMatchObject({
      capacity: 3,
      elementBytes: 10,
      elementsOffset: 2,
    });
  });

  test('reads and writes big-endian fields inside what is little-endian', () => {
    const level = dialect.structs.get('Level')!;
    const bytes = encodeStruct(level, { price: '-2', venue: 1 });
    expect(bytes).toEqual(fromHex('fffffffffffffffe0100'));
    expect(spelledStruct(level, bytes)).toEqual({ price: '-2', venue: 1 });
  });

  test('a FixedVec that says more elements than it has is raw', () => {
    const book = {
      levels: { count: 1, elements: [{ price: '150', venue: 2 }] },
      best: { price: '1', venue: 1 },
      stages: 7,
      words: [1, 65_535],
    };
    const header = {
      relay_domain: 1,
      version: 1,
      source: 1,
      flags: 0,
      sequence: '1',
      timestamp: '2',
    };
    const frame = encodeMessage(dialect, { header, tlvs: [{ type: 1, fields: book }] }, 'valid');
    expect(spelledMessage(dialect, frame)).toMatchObject({
      checksum: 'valid',
      tlvs: [{ name: 'Book', layout: 'Book', fields: book }],
    });
    frame[34] = 4;
    const [tlv] = spelledMessage(dialect, frame).tlvs;
    expect(tlv).not.toHaveProperty('layout');
    expect(Object.keys(tlv!.fields)).toEqual(['raw']);
    expect(describeFrame(dialect, frame).at(-1)?.path).toBe('tlv[0].Book.raw');
  });

  test('what extends it says only what differs, and its structs use the enums of the whole', () => {
    const derived = 'description: d\nextends: tiny\nenums: { SourceType: { Other: 2 } }\n';
    const child = load({ 'tiny.yaml': TINY, 'child.yaml': derived }).dialect('child');
    expect(child.types.size).toBe(3);
    expect(child.structs.get('Level')?.fields[1]?.enum?.names).toEqual(new Map([[2, 'Other']]));
    expect(child.sources.names.get(1)).toBeUndefined();
  });

  test('a derived type replaces the one of its number', () => {
    const derived = `description: d
extends: tiny
types: [{ number: 1, name: Novel, domain: MarketData, size: any }]
`;
    const child = load({ 'tiny.yaml': TINY, 'child.yaml': derived }).dialect('child');
    expect(child.types.get(1)).toMatchObject({ name: 'Novel', struct: undefined });
    expect(child.types.get(200)?.name).toBe('Vendor:Extra');
  });

  test('of several bases the later one wins, and one that two of them share counts once', () => {
    const left = 'abstract: true\ndescription: l\nextends: tiny\nsockets: { a: /left, b: /left }\n';
    const right = 'abstract: true\ndescription: r\nextends: tiny\nsockets: { b: /right, c: /r }\n';
    const child = 'description: d\nextends: [left, right]\nsockets: { c: /child }\n';
    const files = { 'child.yaml': child, 'left.yaml': left, 'right.yaml': right };
    const loaded = load({ ...files, 'tiny.yaml': TINY }).dialect('child');
    expect(Object.fromEntries(loaded.sockets)).toEqual({ a: '/left', b: '/right', c: '/child' });
    expect(loaded.types.size).toBe(3);
  });

  test('fields lie behind the elements of the lists before them', () => {
    const structs = `  Lists:
    size: 8
    fields:
      - { name: used, type: u8 }
      - { name: levels, type: list<Level>, count: used }
      - { name: mark, type: u16 }
      - { name: words, type: list<u16>, count: u32, endian: big }
      - { name: end, type: u8 }
types:`;
    const lists = load({ 'tiny.yaml': TINY.replace('types:', structs) })
      .dialect('tiny')
      .structs.get('Lists')!;
    const values = {
      used: 1,
      levels: [{ price: '-2', venue: 1 }],
      mark: 515,
      words: [1, 2],
      end: 9,
    };
    const bytes = fromHex('01fffffffffffffffe01000302000000020001000209');
    expect(encodeStruct(lists, values)).toEqual(bytes);
    expect(spelledStruct(lists, bytes)).toEqual(values);
    for (const [position, value] of [
      [0, 2],
      [16, 1],
      [13, 255],
    ] as const)
      expect(spelledStruct(lists, bytes.with(position, value))).toBeUndefined();
    expect(() => encodeStruct(lists, { ...values, used: 2 })).toThrow(
      'Lists.used: 2, but levels has 1 elements',
    );
    expect(() => encodeStruct(lists, { ...values, words: 1 })).toThrow('Lists.words: 1 is no list');
  });

  test('an abstract schema is no dialect', () => {
    const base = `abstract: true\n${TINY}`;
    const loaded = load({ 'tiny.yaml': base, 'child.yaml': 'description: d\nextends: tiny\n' });
    expect(loaded.dialectNames).toEqual(['child']);
  });
});

describe('the built-in schemas', () => {
  test('are every YAML file of the directory, as text', () => {
    const directory = new URL('../../schemas/protocol/', import.meta.url);
    const files = readdirSync(directory).filter((file) => file.endsWith('.yaml'));
    const read = readBuiltInSchemas();
    expect([...read.keys()]).toEqual(files.sort());
    for (const [file, text] of read)
      expect(text).toBe(readFileSync(new URL(file, directory), 'utf8'));
    expect(loadBuiltInProtocol().sources).toEqual(read);
  });

  test('an unknown dialect is told with the known ones and the nearest', () => {
    try {
      loadBuiltInProtocol().dialect('torq-type');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'DIALECT_UNKNOWN',
        message: 'no dialect is called "torq-type", did you mean "torq-types"?',
        hint: `Use one of: ${loadBuiltInProtocol().dialectNames.join(', ')}.`,
        exitCode: 2,
      });
    }
  });
});

describe('a mistake is told with file, line and column', () => {
  // What is wrong | what is replaced | by what, with @ where the mistake is | what is said.
  const MISTAKES = String.raw`
    a misspelt key | description: a | @descripton: a | unknown key "descripton", did you mean "description"?
    a misspelt key of a field | scale: 2 | @scael: 2 | unknown key "scael", did you mean "scale"?
    a misspelt key of a struct | fixed_vec: true | @fixedvec: true | unknown key "fixedvec", did you mean "fixed_vec"?
    a key unlike any | fixed_vec: true | @colour: true | unknown key "colour"
    a missing key | { number: 2, name: Level, domain | @{ number: 2, domain | missing key "name"
    a wrong kind of value | size: 10\n | size: @ten\n | structs.Level.size: expected number, received string
    a wrong word | endian: big | endian: @middle | structs.Level.fields[0].endian: expected one of "little"|"big"
    a name that is no name | name: venue, | name: @'venue; x', | structs.Level.fields[1].name: a field name is lower-case letters, digits and _
    a member that is no name | { Collector: 1 | { @2ollector: 1 | enums.SourceType.2ollector: a name is letters, digits and _
    a wrong size rule | size: 20..60 | size: @20-60 | types[0].size: expected a number of bytes, a range like 20..300, or any
    a framing that the walk does not know | head_bytes: 5 | head_bytes: @6 | framing.extended.head_bytes: expected 5
    a YAML key twice | size: 48 | size: 48\n    @size: 48 | Map keys must be unique
    an unknown type | type: bytes<1> | type: @byte<1> | no type is called "byte<1>", did you mean "bytes<n>"?
    an unknown struct as a type | type: Level, | type: @Levle, | no type is called "Levle", did you mean "Level"?
    an unknown struct of a TLV | struct: Book | struct: @Boko | no struct is called "Boko", did you mean "Book"?
    an unknown enum | enum: SourceType | enum: @SourceTyp | no enum is called "SourceTyp", did you mean "SourceType"?
    an unknown header | header: H1 | header: @H9 | no header is called "H9", did you mean "H1"?
    an unknown domain | Book, domain: MarketData | Book, domain: @MarketDate | the domain of type 1 is one of MarketData, not "MarketDate", did you mean "MarketData"?
    a vendor outside the vendor range | 200, name: Extra, domain: vendor | 199, name: Extra, domain: @vendor | the domain of type 199 is one of MarketData, not "vendor"
    a number twice | number: 2, | number: @1, | type 1 is there already
    a type name twice | name: Level, domain | name: @Book, domain | "Book" is type 1 already
    a field twice | name: stages | name: @best | Book has a field "best" already
    an enum number twice | Dashboard: 2 | Dashboard: @1 | 1 is Collector already
    an enum and flags of one name | Stages: { | @RelayDomain: { | "RelayDomain" is also an enum
    a header field twice | name: flags, type: u8 | name: @source, type: u8 | "source" is there already
    a header field missing | name: flags, type: u8 | name: source, type: u8 | the field flags is missing
    a size that is not the sum | size: 48 | size: @47 | Book says 47 bytes, its fields add up to 48
    an offset inside the field before | offset: 32 | offset: @31 | says 31, but overlaps the field before it, which ends at 32
    an offset after a hole | offset: 32 | offset: @40 | says 40, but the field before it ends at 32
    a header field with an enum of its own | { name: flags, type: u8 } | { name: flags, type: u8, @enum: Stages } | unknown key "enum"
    a header that does not add up | size: 32\n    magic | size: @36\n    magic | says 36, the fields add up to 32
    a header field at another offset | { name: flags, type: u8 } | { name: flags, type: u8, offset: @9 } | says 9, it lies at 7
    a header field of another width | name: flags, type: u8 | name: flags, type: @u16 | flags is u8, not u16
    a header field that is none | name: flags, type: u8 | name: @flag, type: u8 | a header has no "flag", did you mean "flags"?
    a scale on bytes | type: bytes<1>, | type: bytes<1>, scale: @2, | only an integer has a scale
    a misspelt unit | name: stages, type: u8 | name: stages, type: u8, unit: @unix-nss | structs.Book.fields[2].unit: expected one of "unix-ns"|"unix-s"|"us"|"bytes"|"bps"|"percent"|"gwei"|"USD"|"token-units"|"evm-address", did you mean "unix-ns"?
    a number that is no bytes | words, type: 'array<u16,2>' | words, type: 'array<u16,2>', number: @big | only bytes can be said to be a number; an integer is one
    bits without a number | type: bytes<1>, | type: bytes<1>, bits: @4, | only bytes that are a number (number) have bits
    more bits than there are | type: bytes<1>, | type: bytes<1>, number: big, bits: @9, | 1 bytes have 8 bits, not 9
    a constant that does not fit | stages, type: u8, | stages, type: u8, always: @256, | 256 does not fit into u8
    a constant text of another length | type: bytes<1>, | type: bytes<1>, always: @AB, | "AB" is 2 bytes, the field has 1
    a constant text of an integer | stages, type: u8, | stages, type: u8, always: @A, | of an integer, give a number
    a file of unknown records | number: 200, name: Extra, domain: vendor, size: any } | number: 200, name: Extra, domain: vendor, size: any }\nfiles: { Log: { record: @Boook } } | no struct is called "Boook", did you mean "Book"?
    a file whose header counts nothing | number: 200, name: Extra, domain: vendor, size: any } | number: 200, name: Extra, domain: vendor, size: any }\nfiles: { Log: { header: Level, count: @price, record: Book } } | Level has no integer of at most 32 bits called "price"
    a file counted by no integer | number: 200, name: Extra, domain: vendor, size: any } | number: 200, name: Extra, domain: vendor, size: any }\nfiles: { Log: { count: @u64, record: Book } } | without a header it is u8, u16, u32, before the records
    a checksum without a header | number: 200, name: Extra, domain: vendor, size: any } | number: 200, name: Extra, domain: vendor, size: any }\nfiles: { Log: { checksum: @sum, record: Book } } | only a header has a checksum
    an endian on bytes | type: bytes<1>, | type: bytes<1>, endian: @big, | only an integer has an endian
    an enum on a wide integer | type: i64, scale: 2 | type: i64, enum: @Stages | only an integer of at most 32 bits has an enum
    a flag of two bits | second: 2 | second: @3 | 3 is not a single bit
    a range upside down | size: 20..60 | size: @60..20 | 60 is more than 20
    a struct inside itself | type: u16, enum: SourceType | type: @Level | Level contains itself: Level > Level
    a FixedVec without its count | fixed_vec: true\n    fields:\n      - { name: count | fixed_vec: @true\n    fields:\n      - { name: used | a FixedVec is count (u16), padding, and the array elements
    an array over the limit | 'array<u16,2>' | @'array<u16,40000>' | array<u16,40000> is 80000 bytes, a field has 1 to 65535
    an empty array | 'array<u16,2>' | @'array<u16,0>' | array<u16,0> is 0 bytes, a field has 1 to 65535
    an open end beside a field data | 10\n    fields:\n      - { name: price | 10\n    open: @true\n    fields:\n      - { name: data | the field data would stand for the open end, too
    a list without its count | words, type: 'array<u16,2>' | words, type: @list<u16> | a list needs count: the integer before it, or the field that counts it
    a list counted by no field | words, type: 'array<u16,2>' | words, type: list<u16>, count: @stage | no u8, u16, u32 field before every list is called "stage", did you mean "stages"?
    a list of lists | words, type: 'array<u16,2>' | words, type: @list<list<u16>>, count: u8 | a list stands by itself: no array and no list has lists as elements
    an array of lists | words, type: 'array<u16,2>' | words, type: @'array<list<u16>,2>', count: u8 | a list stands by itself: no array and no list has lists as elements
    a count beside what is no list | words, type: 'array<u16,2>' | words, type: 'array<u16,2>', count: @u8 | only a list has a count
    a list inside a struct | { name: venue, type: u16, enum: SourceType } | { name: venue, type: list<u16>, count: u16 } | Level has lists and cannot stand inside another struct
    a base that is no name | description: a tiny dialect | description: d\nextends: @5 | extends: expected the name of a schema, or a list of names
    an open end inside a struct | 10\n    fields:\n      - { name: price | 10\n    open: true\n    fields:\n      - { name: price | Level has an open end and cannot stand inside another struct
  `;
  const cases = MISTAKES.trim()
    .split('\n')
    .map((line) => line.trim().replaceAll('\\n', '\n').split(' | '));

  test.each(cases)('%s', (_, find, replacement, what) => {
    const { text, place } = spoil(find ?? '', replacement ?? '');
    const mistakes = mistakesOf({ 'tiny.yaml': text });
    const told = mistakes.filter((each) => each.startsWith(place) && each.endsWith(`: ${what}`));
    expect(told, `wanted ${place}: ${what}\ngot ${mistakes.join('\n')}`).toHaveLength(1);
  });

  test('broken YAML', () => {
    const text = 'description: d\nheaders: { H1: 1\nflags: {}\n';
    expect(mistakesOf({ 'x.yaml': text })).toContainEqual(
      expect.stringMatching(/^x\.yaml:3:1: Flow map/),
    );
  });

  test('a ring of structs', () => {
    const ring = `  Ring:
    size: 4
    fields: [{ name: next, type: Chain }]
  Chain:
    size: 4
    fields: [{ name: next, type: Ring }]
types:`;
    const [mistake, ...rest] = mistakesOf({ 'tiny.yaml': TINY.replace('types:', ring) });
    expect(mistake).toBe('tiny.yaml:51:34: Ring contains itself: Ring > Chain > Ring');
    expect(rest).toEqual([]);
  });

  test('a base that does not exist, or that ends where it began', () => {
    const extending = (base: string): string => `description: d\nextends: ${base}\n`;
    expect(mistakesOf({ 'tiny.yaml': TINY, 'x.yaml': extending('tinny') })).toEqual([
      'x.yaml:2:10: no schema is called "tinny", did you mean "tiny"?',
    ]);
    const ring = { 'a.yaml': extending('b'), 'b.yaml': extending('a'), 'c.yaml': extending('a') };
    expect(mistakesOf(ring)).toEqual([
      'b.yaml:2:10: "a" extends itself: a <- b <- a',
      'a.yaml:2:10: "b" extends itself: b <- a <- b',
    ]);
    expect(mistakesOf({ 'a.yaml': extending('a') })).toEqual([
      'a.yaml:2:10: "a" extends itself: a <- a',
    ]);
  });

  test('a dialect without what a dialect needs', () => {
    expect(mistakesOf({ 'empty.yaml': 'description: nothing else\n' })).toEqual([
      'empty.yaml:1:1: a dialect needs header',
      'empty.yaml:1:1: a dialect needs framing',
      'empty.yaml:1:1: a dialect needs enums.RelayDomain',
      'empty.yaml:1:1: a dialect needs enums.SourceType',
    ]);
    expect(mistakesOf({ 'none.yaml': '' })).toEqual([
      'none.yaml:1:1: the file says nothing; a schema begins with description',
    ]);
  });

  test('several at once, of several files, each once although two dialects inherit them', () => {
    const base = `abstract: true\n${TINY.replace('size: 48', 'size: 47').replace('enum: Stages', 'enum: Stags')}`;
    const derived = 'description: d\nextends: base\n';
    const files = { 'base.yaml': base, 'x.yaml': derived, 'y.yaml': `${derived}header: H2\n` };
    expect(mistakesOf(files)).toEqual(
      [
        'base.yaml:44:41: no enum is called "Stags", did you mean "Stages"?',
        'base.yaml:40:11: Book says 47 bytes, its fields add up to 48',
        'y.yaml:3:9: no header is called "H2", did you mean "H1"?',
      ].map((line) => expect.stringContaining(line)),
    );
  });

  test('more than anybody reads at once are counted', () => {
    const text = `${TINY}${Array.from({ length: 30 }, (_, n) => `extra${n}: 1`).join('\n')}\n`;
    const mistakes = mistakesOf({ 'tiny.yaml': text });
    expect(mistakes).toHaveLength(21);
    expect(mistakes.at(-1)).toBe('... and 10 more');
  });

  test('text that defeats the YAML parser', () => {
    const bomb = [
      'a: &a [x]',
      ...'bcdefghi'.split('').map((key, n) => {
        const before = 'abcdefgh'[n];
        return `${key}: &${key} [${Array(9).fill(`*${before}`).join(',')}]`;
      }),
    ].join('\n');
    expect(mistakesOf({ 'bomb.yaml': bomb })).toEqual([
      expect.stringMatching(/^bomb\.yaml:1:1: .*alias/),
    ]);
  });
});
