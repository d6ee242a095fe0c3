/** Redaction as people and scripts use it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { trade } from '../diff/rules/support.ts';
import { delivers, sends } from '../diff/support.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

it('redacts with a key, says what it did and what it did not find, and shows the same divergences', () => {
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  const [one, two] = [trade({ sequence: 1 }), trade({ sequence: 2 })];
  buildCapture(at('plain.capture'), {
    connections: ['desk-7'],
    steps: [
      ...sends(1, one, two),
      ...delivers('old', [1], one, two),
      ...delivers('new', [1], trade({ sequence: 1, price: 5n })),
    ],
  });
  writeFileSync(at('key'), 'sixteen bytes or more');
  writeFileSync(
    at('rules.yaml'),
    'rules: [{ id: quotes, action: zero, where: { path: "tlv[*].Quote" } }]\n',
  );
  const redact = (out: string, ...more: readonly string[]): ReturnType<typeof runCli> =>
    runCli(['redact', at('plain.capture'), '--out', at(out), ...more]);
  const rules = ['--rules', at('rules.yaml')];
  const key = ['--key-file', at('key')];

  const withoutKey = redact('a.capture', ...rules);
  expect(withoutKey.exitCode).toBe(2);
  expect(withoutKey.stderr).toContain('pseudonyms need a key [USAGE]');
  writeFileSync(at('short'), 'short');
  const withShort = redact('a.capture', '--key-file', at('short'));
  expect(withShort.stderr).toContain('the key has 5 bytes, 16 are needed [USAGE]');
  writeFileSync(at('bad.yaml'), 'rules: [{ id: a, action: zero, where: { path: header.magic } }]');
  const withBad = redact('a.capture', ...key, '--rules', at('bad.yaml'));
  expect(withBad.exitCode).toBe(2);
  expect(withBad.stderr).toContain(`${at('bad.yaml')}:1:47: "header.magic" cannot be redacted`);
  expect(withBad.stderr).toContain('docs/redaction.md');
  expect(existsSync(at('a.capture'))).toBe(false);

  const told = redact('a.capture', ...rules, ...key);
  expect(told.exitCode).toBe(0);
  expect(told.stdout).toContain('UNUSED: rule quotes selected nothing');
  expect(told.stdout).toMatch(/tlv\[\]\.Trade\.price +pseudonym +default +5/);
  expect(told.stdout).toMatch(/header\.timestamp +KEPT +default +5/);
  const printed = redact('b.capture', ...rules, ...key, '--json', '--strict');
  expect(printed.exitCode).toBe(3);
  const schema: object = JSON.parse(
    readFileSync(new URL('../../schemas/json/redaction.schema.json', import.meta.url), 'utf8'),
  );
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
  expect(validate(JSON.parse(printed.stdout)), JSON.stringify(validate.errors)).toBe(true);
  expect(readFileSync(at('b.capture'))).toEqual(readFileSync(at('a.capture')));
  expect(redact('b.capture', ...key).stderr).toContain('[CAPTURE_EXISTS]');

  const divergences = (name: string): unknown => {
    const { exitCode, stdout } = runCli(['diff', at(name), '--json']);
    const result: { counts: object; verdict: string } = JSON.parse(stdout);
    return { exitCode, counts: result.counts, verdict: result.verdict };
  };
  expect(divergences('a.capture')).toEqual(divergences('plain.capture'));
});
