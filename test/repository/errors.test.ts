/** Error codes, their documentation and their tests are three lists that must be one. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/lib/operating-error.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const codes = Object.keys(ERROR_CODES);

function textBelow(directory: string): string {
  return readdirSync(directory)
    .map((name) => join(directory, name))
    .filter((path) => path !== fileURLToPath(import.meta.url))
    .map((path) => {
      if (statSync(path).isDirectory()) return textBelow(path);
      return path.endsWith('.ts') ? readFileSync(path, 'utf8') : '';
    })
    .join('\n');
}

it('documents every code under its name, with its exit code, in order', () => {
  const page = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8');
  const sections = [...page.matchAll(/^## ([A-Z_]+)\n\nExit code (\d+)\./gm)];
  expect(sections.map(([, code]) => code)).toEqual(codes);
  expect(Object.fromEntries(sections.map(([, code, exit]) => [code, Number(exit)]))).toEqual(
    ERROR_CODES,
  );
});

it('raises and tests every code', () => {
  const sources = textBelow(join(ROOT, 'src'));
  const tests = textBelow(join(ROOT, 'test'));
  const raised = (code: string): boolean => sources.split(`'${code}'`).length > 1;
  expect(codes.filter((code) => !raised(code))).toEqual([]);
  expect(codes.filter((code) => !tests.includes(code))).toEqual([]);
});
