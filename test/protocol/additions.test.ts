/** Files that add to dialects: what they change, what they leave alone, and when two of them clash. */
import { describe, expect, test } from 'vitest';
import { contributionsOf } from '../../src/protocol/contributions.ts';
import { readBuiltInSchemas } from '../../src/protocol/files.ts';
import { loadProtocol, type Protocol } from '../../src/protocol/load.ts';

const builtIn = readBuiltInSchemas();
const TRADE = `  TradeTLV:
    size: 16
    fields:
      - { name: price, type: i64, scale: 4 }
      - { name: volume, type: i64, scale: 4 }
`;

function load(files: Readonly<Record<string, string>>): Protocol {
  return loadProtocol([...builtIn, ...Object.entries(files)]);
}

describe('an addition', () => {
  const desk = `description: d
adds_to: [torq-codec]
enums: { SourceType: { Desk: 77, Bot: 1 } }
flags: { TraceStageFlags: { parked: 16 } }
structs:
${TRADE}`;
  const codec = load({ 'a/desk.yaml': desk }).dialect('torq-codec');

  test('adds members to the enums and flags that are there, or names them anew', () => {
    expect(codec.sources.names.get(77)).toBe('Desk');
    expect(codec.sources.names.get(1)).toBe('Bot');
    expect(codec.sources.names.get(80)).toBe('MarketDataRelay');
    expect(codec.enums.get('TraceStageFlags')?.names.get(16)).toBe('parked');
  });

  test('replaces a struct wherever the dialect uses it', () => {
    expect(codec.types.get(1)?.struct?.size).toBe(16);
  });

  test('leaves every other dialect alone, also those that the dialect is made of', () => {
    const plain = loadProtocol(builtIn);
    const added = load({ 'desk.yaml': desk });
    for (const name of plain.dialectNames.filter((each) => each !== 'torq-codec'))
      expect(added.dialect(name)).toEqual(plain.dialect(name));
    expect(added.dialectNames).toEqual(plain.dialectNames);
  });

  test('is told apart by what it adds and what it replaces', () => {
    const [own] = contributionsOf(builtIn, [['desk.yaml', desk]]);
    expect(own).toMatchObject({
      kind: 'addition',
      dialect: 'torq-codec',
      adds: { types: 0, structs: 0, enums: 0, sockets: 0 },
      extends: ['SourceType', 'TraceStageFlags'],
      replaces: ['struct TradeTLV'],
    });
  });
});

describe('files that clash', () => {
  const types = 'types: [{ number: 230, name: Desk, domain: vendor, size: any }]\n';
  const addition = (rest: string): string => `description: d\nadds_to: torq-codec\n${rest}`;

  test.each([
    [
      'one number',
      { 'a.yaml': addition(types), 'b.yaml': addition(types) },
      'b.yaml:3:19: type 230 is in a.yaml already',
    ],
    [
      'one struct',
      { 'a.yaml': addition(`structs:\n${TRADE}`), 'b.yaml': addition(`structs:\n${TRADE}`) },
      'b.yaml:4:3: "TradeTLV" is in a.yaml already',
    ],
    [
      'one name',
      { 'x/torq-codec.yaml': addition(types) },
      'x/torq-codec.yaml:1:1: another schema is called "torq-codec" (torq-codec.yaml); rename this file',
    ],
    [
      'a dialect that extends an addition',
      { 'a.yaml': addition(types), 'b.yaml': 'description: d\nextends: a\n' },
      'b.yaml:2:10: "a" adds to other schemas and cannot be extended',
    ],
  ])('%s', (_, files, mistake) => {
    expect(() => load(files)).toThrow(mistake);
  });
});
