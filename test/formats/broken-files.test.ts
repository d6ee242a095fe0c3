/** Files that end too early, say what cannot be, or were changed: told with their place, and never half a capture. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guessFormat } from '../../src/formats/guess-format.ts';
import { OperatingError } from '../../src/lib/operating-error.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type Recording, writeRecording } from './recordings.ts';
import { contents, exportAs, type Format, FORMATS, importAs, truncated } from './support.ts';

const step = { connection: 1, stream: 'old', number: 20, pauseNs: 10 } as const;
const RECORDING: Recording = {
  origin: 'record',
  partNs: 0,
  hasAccounts: true,
  isSealed: true,
  note: '',
  steps: [
    { ...step, what: 'event' },
    { ...step, what: 'frame' },
    { ...step, what: 'split', stream: 'client' },
    { ...step, what: 'gap' },
    { ...step, what: 'coalesced' },
    { ...step, what: 'mirror-gap', stream: 'client' },
    { ...step, what: 'frame' },
  ],
};

interface Files {
  readonly directory: string;
  readonly capture: string;
  readonly file: string;
}

function exported(format: Format): Files {
  const directory = temporaryDirectory();
  const capture = join(directory, 'a.capture');
  const file = join(directory, 'a.out');
  writeRecording(capture, RECORDING);
  exportAs(format, capture, file);
  return { directory, capture, file };
}

const TRUNCATED: Readonly<Record<Format, RegExp>> = {
  ndjson: /line \d+: (?!.*record)/,
  msgpack: /byte \d+: a value begins here, but the file ends after \d+ bytes of it/,
  pcapng: /byte \d+: the file ends within a block/,
};

describe.each(FORMATS)('a %s file', (format) => {
  it('that ends too early is refused with the place, or kept as far as it goes', async () => {
    const { directory, capture, file } = exported(format);
    const whole = contents(capture);
    const size = readFileSync(file).length;
    let lengthBefore = 0;
    for (const part of [0.99, 0.9995]) {
      const short = truncated(file, Math.floor(size * part));
      const out = join(directory, 'b.capture');
      const failure = await importAs(format, short, out).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(OperatingError);
      expect(failure).toMatchObject({ code: 'IMPORT_INVALID' });
      expect(String(failure)).toMatch(TRUNCATED[format]);
      expect(String(failure)).toMatch(/before it stand \d+ chunks and \d+ events/);
      expect(readdirSync(directory).filter((name) => name.startsWith('b.'))).toEqual([]);
      const kept = join(directory, `kept-${part}.capture`);
      const { cutOff, verification } = await importAs(format, short, kept, true);
      expect(cutOff).toMatch(TRUNCATED[format]);
      expect(verification.verdict).toBe('incomplete');
      const { info, chunks } = contents(kept);
      expect(info.sealed).toBe(false);
      expect(info.notes['cut-off']).toBe(cutOff);
      const all = chunks.flat();
      expect(all.length).toBeGreaterThanOrEqual(lengthBefore);
      lengthBefore = all.length;
      // The border of the last chunk of a stream may be where the file broke off.
      for (const [index, stream] of chunks.entries()) {
        const sure = Math.max(0, stream.length - 1);
        expect(stream.slice(0, sure)).toEqual(whole.chunks[index]?.slice(0, sure));
      }
    }
    expect(lengthBefore).toBe(whole.chunks.flat().length);
  });

  it('whose bytes were changed gives an error or a sound capture, and leaves nothing else', async () => {
    const { directory, file } = exported(format);
    const bytes = readFileSync(file);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, mask, keepsPartial) => {
          const changed = join(directory, 'changed');
          const copy = Uint8Array.from(bytes);
          // What happened stands at the end; most of the file are schemas.
          const place = at % 2 === 0 ? at : bytes.length - 1 - (at % 4_000);
          copy[place] = (copy[place] ?? 0) ^ mask;
          writeFileSync(changed, copy);
          const out = join(directory, `${at}-${mask}-${keepsPartial}.capture`);
          try {
            const { verification } = await importAs(format, changed, out, keepsPartial);
            expect(['whole', 'incomplete']).toContain(verification.verdict);
            expect(existsSync(out)).toBe(true);
          } catch (error) {
            expect(error).toMatchObject({ code: 'IMPORT_INVALID' });
            expect(existsSync(out)).toBe(false);
          }
          expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
        },
      ),
      { numRuns: 16, examples: [[1, 255, false]] },
    );
  });
});

describe('a file that is no format of these', () => {
  it.each([
    ['PAR1....', /is a Parquet file, which holds messages/],
    ['SQLite format 3\0', /is an SQLite file, as a capture is/],
    ['no format at all', /does not tell which format it has/],
    // An extension of MessagePack that is none.
    ['\u00c7\u0003\u00ff123', /does not tell which format it has/],
    ['{"a":1}', /does not tell which format it has/],
    ['', /does not tell which format it has/],
  ])('%j is not guessed at', (text, said) => {
    const file = join(temporaryDirectory(), 'a');
    writeFileSync(file, text, 'latin1');
    expect(() => guessFormat(file)).toThrow(said);
  });

  it('is told by its beginning where that is sure', () => {
    const { directory } = exported('msgpack');
    expect(guessFormat(join(directory, 'a.out'))).toBe('msgpack');
    const file = join(directory, 'transcript');
    writeFileSync(file, '{"relay":"x","implementation":"original"}');
    expect(guessFormat(file)).toBe('transcript');
  });
});

describe('lines that are no record', () => {
  const HEAD =
    '{"record":"head","format":"relaydiff-capture/1","origin":"record","writer":"1","exporter":"1","startedUnixNs":"5","dialect":"torq-codec","sealed":true,"notes":{}}';
  const CONNECTION = '{"record":"connection","id":1,"label":"a","openedNs":"0"}';
  const chunk = (fields: object): string =>
    JSON.stringify({
      record: 'chunk',
      connection: 1,
      stream: 'old',
      ordinal: 1,
      timeNs: '1',
      offset: 0,
      bytes: '00ff',
      ...fields,
    });
  const event = (fields: object): string =>
    JSON.stringify({
      record: 'event',
      ordinal: 5,
      timeNs: '9',
      kind: 'note',
      details: {},
      ...fields,
    });
  const gap = (fields: object): string =>
    JSON.stringify({
      record: 'gap',
      index: 0,
      connection: 1,
      stream: 'old',
      where: 'recording',
      reason: 'x',
      offset: 0,
      bytes: 2,
      firstTimeNs: '0',
      lastTimeNs: '0',
      ...fields,
    });
  const account = '{"record":"account","connection":1,"stream":"old","seenBytes":7}';
  const end = (counts: object): string =>
    JSON.stringify({
      record: 'end',
      counts: {
        connections: 1,
        streams: 0,
        chunks: 0,
        bytes: 0,
        events: 0,
        gaps: 0,
        accounts: 0,
        ...counts,
      },
    });

  it.each([
    ['', /at its beginning: it holds no record/],
    ['{"record":', /line 1: .*JSON/],
    [CONNECTION, /line 1: the first record must be the head/],
    [HEAD.replace('/1"', '/2"'), /line 1: format: .*relaydiff-capture\/1/],
    [HEAD.replace('"5"', '5'), /line 1: startedUnixNs: .*string/],
    [`${HEAD}\n${HEAD}`, /line 2: a second head/],
    [`${HEAD}\n\n${chunk({})}`, /line 3: there is no connection 1/],
    [`${HEAD}\n${CONNECTION}\n${CONNECTION}`, /line 3: a second connection 1/],
    [`${HEAD}\n${CONNECTION}\n{"record":"schema","name":"a","yaml":""}`, /line 3: a schema must/],
    [`${HEAD}\n${CONNECTION}\n${chunk({ bytes: 'xy' })}`, /line 3: bytes: pairs of lower-case/],
    [`${HEAD}\n${CONNECTION}\n${chunk({ bytes: '' })}`, /line 3: bytes: at least one byte/],
    [`${HEAD}\n${CONNECTION}\n${chunk({ timeNs: '9007199254740992' })}`, /timeNs: at most 104/],
    [`${HEAD}\n${CONNECTION}\n${chunk({ offset: 7 })}`, /line 3: bytes 0 to 7 of the old stream/],
    [
      `${HEAD}\n${CONNECTION}\n${chunk({})}\n${chunk({ ordinal: 2 })}`,
      /line 4: bytes from 0 on are there twice/,
    ],
    [
      `${HEAD}\n${CONNECTION}\n${chunk({})}\n${chunk({ offset: 2 })}`,
      /line 4: ordinal 1 at 1 ns goes back/,
    ],
    [`${HEAD}\n${event({})}\n${event({ ordinal: 6, timeNs: '8' })}`, /line 3: ordinal 6 at 8 ns/],
    [`${HEAD}\n${event({ connection: 3 })}`, /line 2: there is no connection 3/],
    [`${HEAD}\n${event({ kind: 'party' })}`, /line 2: kind: /],
    [`${HEAD}\n${CONNECTION}\n${chunk({})}\n${gap({})}`, /line 4: the gap at 0 lies over bytes/],
    [
      `${HEAD}\n${CONNECTION}\n${end({ chunks: 2 })}`,
      /line 3: the end record counts 2 chunks, but there are 0/,
    ],
    [`${HEAD}\n${CONNECTION}\n${end({})}\n${CONNECTION}`, /line 4: there is more behind the end/],
    [`${HEAD}\n${CONNECTION}`, /after line 2: it ends without an end record/],
    [
      `${HEAD}\n${CONNECTION}\n${gap({ offset: 5 })}\n${end({ gaps: 1 })}`,
      /after line 4: bytes 0 to 5 of the old stream of connection 1 are neither/,
    ],
    [`${HEAD}\n${CONNECTION}\n${account}\n${end({ accounts: 1 })}`, /as a whole: .*7 bytes passed/],
  ])('%#: are told with their number', async (text, said) => {
    const file = join(temporaryDirectory(), 'a.ndjson');
    writeFileSync(file, text);
    const failure = await importAs('ndjson', file, `${file}.capture`).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: 'IMPORT_INVALID' });
    expect(String(failure)).toMatch(said);
  });

  it('fill what lies before a gap that came too early, when the file breaks off', async () => {
    const file = join(temporaryDirectory(), 'a.ndjson');
    writeFileSync(file, [HEAD, CONNECTION, chunk({}), gap({ offset: 6 }), '{'].join('\n'));
    await importAs('ndjson', file, `${file}.capture`, true);
    const { gaps } = contents(`${file}.capture`);
    expect(gaps).toMatchObject([
      { reason: 'x', offset: 6, bytes: 2 },
      { reason: 'cut-off', offset: 2, bytes: 4 },
    ]);
  });

  it('never take the place of a file that is there', async () => {
    const file = join(temporaryDirectory(), 'a.ndjson');
    writeFileSync(file, `${HEAD}\n${CONNECTION}\n${end({})}`);
    await expect(importAs('ndjson', file, file)).rejects.toMatchObject({ code: 'CAPTURE_EXISTS' });
    expect(readFileSync(file, 'utf8')).toContain('head');
  });
});
