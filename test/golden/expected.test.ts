/** expected.json: every mistake has its place, the words of replays, and the published schema is the shape in use. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  EXPECTED_SHAPE,
  type Expected,
  expectedText,
  parseExpected,
  replayName,
  showsOf,
} from '../../src/golden/expected.ts';
import { parseReplay } from '../../src/golden/replay-words.ts';
import { showsDifferences, showsWords } from '../../src/golden/shows.ts';
import { GOLDEN_VERIFICATION_SHAPE } from '../../src/golden/verify-golden.ts';

const file = new URL('../../captures/split-writes/expected.json', import.meta.url);
const text = readFileSync(file, 'utf8');
const expected = parseExpected(text, 'expected.json');

function changed(change: (document: Record<string, unknown>) => void): () => Expected {
  const document: Record<string, unknown> = JSON.parse(text);
  change(document);
  return () => parseExpected(JSON.stringify(document, null, 2), 'expected.json');
}

describe('expected.json', () => {
  it('is written as it is read', () => {
    expect(expectedText(expected)).toBe(text);
  });

  it('that is no JSON is refused with the place where it ends to be', () => {
    const broken = text.replace('"title"', 'title');
    expect(() => parseExpected(broken, 'a/expected.json')).toThrow(
      /^a\/expected\.json:3:3: not JSON/,
    );
  });

  it('says every mistake with its line, and what was meant', () => {
    const parse = changed((document) => {
      document['domain'] = 'market-data';
      document['tilte'] = document['title'];
      delete document['title'];
      document['replays'] = [{ mode: 'causal', chunking: 'frames', rewrite: 'time', speed: 0 }];
    });
    expect(parse).toThrow(/there are 6 mistakes/);
    expect(parse).toThrow(/expected\.json:\d+:\d+: unknown key "tilte", did you mean "title"\?/);
    expect(parse).toThrow(/missing key "title"/);
    expect(parse).toThrow(/domain: .*market_data/);
    expect(parse).toThrow(/replays\[0\]\.chunking: recorded, frame, coalesced/);
    expect(parse).toThrow(/replays\[0\]\.rewrite: timestamps, sequence/);
    expect(parse).toThrow(/replays\[0\]\.speed: /);
  });

  it('a replay shows what it says itself, else what the capture shows, or nothing', () => {
    const [recorded, frame, max] = expected.replays;
    expect(showsOf(expected, recorded!)).toEqual(expected.shows);
    expect(showsOf(expected, frame!)).toMatchObject({ verdict: 'same' });
    expect(showsOf(expected, max!)).toBeNull();
  });
});

describe('the words of a replay', () => {
  it.each([
    'causal:recorded',
    'timed:recorded@10',
    'timed:byte@0.5',
    'max:frame/timestamps,sequence',
    'causal:split:7@2/dialect:torq-types',
  ])('%s are its name', (words) => {
    expect(replayName(parseReplay(words)!)).toBe(words);
  });

  it('say what the new relay shows, where that is known or cannot be', () => {
    expect(parseReplay('causal:frame=same')?.shows).toEqual({
      verdict: 'same',
      counts: {},
      groups: [],
    });
    expect(parseReplay('max:recorded=undefined')?.shows).toBeNull();
    expect(parseReplay('max:recorded')).not.toHaveProperty('shows');
  });

  it.each(['causal', 'fast:recorded', 'causal:lines', 'causal:split', 'max:frame@0', 'max:frame@'])(
    '%s are none',
    (words) => {
      expect(parseReplay(words)).toBeUndefined();
    },
  );
});

it('what was to be shown and what was are told apart by kind and by cause', () => {
  const wanted = expected.shows!;
  expect(showsDifferences(wanted, wanted)).toEqual([]);
  const [defect, missing] = wanted.groups;
  const found = {
    verdict: 'different' as const,
    counts: { missing: 60 },
    groups: [{ ...missing!, cause: null }],
  };
  expect(showsDifferences(wanted, found)).toEqual([
    '0 defect, not 30',
    `0 defect for ${defect!.cause}, not 30`,
    `0 missing for ${missing!.cause}, not 60`,
    '60 missing for no known cause, not 0',
  ]);
  expect(showsWords(found)).toBe('different: 60 missing (60 unexplained)');
});

it('the published schemas are those of the shapes in use', async () => {
  const published = (name: string, title: string, shape: z.ZodType): string => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: `urn:relaydiff:${name}:1`,
      title,
      ...z.toJSONSchema(shape, { io: 'input' }),
    };
    return `${JSON.stringify(schema, null, 2)}\n`;
  };
  await expect(
    published('golden', 'expected.json of a golden', EXPECTED_SHAPE),
  ).toMatchFileSnapshot('../../schemas/json/golden.schema.json');
  await expect(
    published('golden-verify', 'relaydiff golden verify', GOLDEN_VERIFICATION_SHAPE),
  ).toMatchFileSnapshot('../../schemas/json/golden-verify.schema.json');
});
