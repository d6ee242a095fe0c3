/** The published schemas are those of the shapes in use, and the example is one that can be used. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { REDACTION_SHAPE } from '../../src/redact/redaction-report.ts';
import { redactionOf } from './support.ts';

const ROOT = new URL('../../', import.meta.url);

it('describes what redact --json prints', async () => {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:relaydiff:redaction:1',
    title: 'relaydiff redaction',
    description:
      'What `relaydiff redact --json` prints. A later version may add keys; readers ignore keys they do not know.',
    ...z.toJSONSchema(REDACTION_SHAPE, { io: 'input' }),
  };
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    '../../schemas/json/redaction.schema.json',
  );
});

it('accepts in a redaction file what the reader accepts, and refuses what it refuses', () => {
  const file = new URL('schemas/json/redaction-rules.schema.json', ROOT);
  const validate = new Ajv2020({
    strict: true,
    strictRequired: false,
    strictTypes: false,
    allowUnionTypes: true,
  }).compile(JSON.parse(readFileSync(file, 'utf8')));
  const example = readFileSync(new URL('examples/redact.yaml', ROOT), 'utf8');
  expect(validate(parse(example)), JSON.stringify(validate.errors)).toBe(true);
  expect(redactionOf(example).rules.map(({ id }) => id)).toEqual([
    'clock',
    'tokens',
    'kinds',
    'padding',
  ]);
  const rule = { id: 'a', action: 'zero', where: { path: '**.price' } };
  const cases: readonly object[] = [
    { rules: [rule] },
    { default: 'zero', defects: 'keep', texts: 'keep' },
    { rules: [{ ...rule, by: '1d' }] },
    { rules: [{ ...rule, action: 'shift' }] },
    { rules: [{ ...rule, action: 'shift', by: '-1.5d' }] },
    { rules: [{ ...rule, scope: 'x' }] },
    { rules: [{ ...rule, where: {} }] },
    { rules: [{ ...rule, where: { class: 'volatile' } }] },
    { rules: [{ ...rule, where: { class: 'padding', tlv: 3 } }] },
    { rules: [{ ...rule, where: { ...rule.where, stream: 'new' } }] },
    { defects: 'zero' },
  ];
  const accepts = (data: object): boolean => {
    try {
      redactionOf(JSON.stringify(data));
      return true;
    } catch {
      return false;
    }
  };
  expect(cases.map((data) => validate(data))).toEqual(cases.map(accepts));
  expect(cases.filter(accepts)).toHaveLength(4);
});
