/** What export and import print and write for machines: the published schemas are generated from the shapes in use. */
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { LINE_SHAPE } from '../../src/formats/ndjson.ts';
import { EXPORT_SHAPE, IMPORT_SHAPE } from '../../src/formats/summaries.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ODD_STEPS, writeRecording } from './recordings.ts';
import { exportAs } from './support.ts';

const MORE = 'A later version may add keys; readers ignore keys they do not know.';

function published(name: string, description: string, shape: z.ZodType): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:relaydiff:${name}:1`,
    title: `relaydiff ${name}`,
    description: `${description} ${MORE}`,
    ...z.toJSONSchema(shape, { io: 'input' }),
  };
}

const lines = published(
  'capture-record',
  'A line of the NDJSON that `relaydiff export` writes and `relaydiff import` reads.',
  LINE_SHAPE,
);

it.each([
  ['capture-record', lines],
  ['export', published('export', 'What `relaydiff export --json` prints.', EXPORT_SHAPE)],
  ['import', published('import', 'What `relaydiff import --json` prints.', IMPORT_SHAPE)],
])('the schema %s is that of the shape', async (name, schema) => {
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    `../../schemas/json/${name}.schema.json`,
  );
});

it('every line of an export is as the schema says', () => {
  const directory = temporaryDirectory();
  const steps = [
    ...ODD_STEPS,
    { what: 'event', connection: 1, stream: 'old', number: 3, pauseNs: 1 },
    { what: 'gap', connection: 1, stream: 'old', number: 3, pauseNs: 1 },
    { what: 'mirror-gap', connection: 1, stream: 'client', number: 3, pauseNs: 1 },
  ] as const;
  const recording = {
    origin: 'record',
    steps,
    partNs: 0,
    hasAccounts: true,
    isSealed: true,
    note: 'x',
  };
  writeRecording(join(directory, 'a.capture'), recording);
  exportAs('ndjson', join(directory, 'a.capture'), join(directory, 'a.ndjson'));
  const validate = new Ajv2020({ strict: false }).compile(lines);
  const text = readFileSync(join(directory, 'a.ndjson'), 'utf8').trimEnd();
  const kinds = new Set<unknown>();
  for (const line of text.split('\n')) {
    const record: { readonly record: string } = JSON.parse(line);
    kinds.add(record.record);
    expect(validate(record), JSON.stringify(validate.errors)).toBe(true);
  }
  expect(kinds.size).toBe(9);
});
