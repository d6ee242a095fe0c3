import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../src/lib/operating-error.ts';
import { parseResult } from '../../src/report/result-json.ts';
import { makeResult, sampleResult } from './sample-result.ts';

const schemaFile = new URL('../../schemas/json/result.schema.json', import.meta.url);
const validate = new Ajv2020({ strict: true, allErrors: false, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(schemaFile, 'utf8')),
);

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'RESULT_INVALID') return error.message;
    throw error;
  }
  return '';
}

function isAccepted(value: unknown): boolean {
  return messageOf(() => parseResult(JSON.stringify(value), 'result.json')) === '';
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
type Path = readonly (string | number)[];

/** Every place of a document, containers first. Of an array the first element stands for all. */
function* places(value: Json, path: Path = []): Generator<Path> {
  yield path;
  if (Array.isArray(value)) {
    if (value[0] !== undefined) yield* places(value[0], [...path, 0]);
  } else if (value !== null && typeof value === 'object') {
    for (const [key, child] of Object.entries(value)) yield* places(child, [...path, key]);
  }
}

/** A copy with another value at a place; undefined takes the key away. */
function replaced(value: Json, path: Path, next: Json | undefined): Json | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return next;
  if (Array.isArray(value)) {
    return value.flatMap((child, index) => {
      if (index !== step) return [child];
      const changed = replaced(child, rest, next);
      return changed === undefined ? [] : [changed];
    });
  }
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).flatMap(([key, child]) => {
    if (key !== step) return [[key, child] as const];
    const changed = replaced(child, rest, next);
    return changed === undefined ? [] : [[key, changed] as const];
  });
  return Object.fromEntries(entries);
}

/** A document in which every optional thing is there: the modified message first, with its differences. */
const small: Json = JSON.parse(JSON.stringify(makeResult(sampleResult.divergences.slice(24, 26))));

const BAD_VALUES: readonly (Json | undefined)[] = [
  undefined,
  null,
  -1,
  1.5,
  256,
  2 ** 60,
  '',
  'x',
  '007',
  'ABCD',
  'abc',
  'd0',
  'g01',
  true,
  [],
  {},
  [null],
];

describe('a stored result', () => {
  it('comes back as it was written', () => {
    expect(parseResult(JSON.stringify(sampleResult), 'result.json')).toEqual(sampleResult);
    expect(validate(sampleResult)).toBe(true);
  });

  it('may say more than is known today', () => {
    const later = { ...sampleResult, novelty: { anything: 1 } };
    expect(isAccepted(later)).toBe(true);
    expect(validate(later)).toBe(true);
  });

  it('is judged alike by the reader and by the published schema, whatever is wrong where', () => {
    const disagreements: string[] = [];
    let refused = 0;
    for (const path of places(small)) {
      for (const bad of BAD_VALUES) {
        const changed = replaced(small, path, bad) ?? null;
        const accepted = isAccepted(changed);
        if (!accepted) refused += 1;
        if (accepted !== validate(changed)) {
          disagreements.push(`${path.join('.')} = ${JSON.stringify(bad)}: reader ${accepted}`);
        }
      }
    }
    expect(disagreements).toEqual([]);
    expect(refused).toBeGreaterThan(800);
  });

  it('is refused with the name of the file and the first place that is wrong', () => {
    const wrong = replaced(small, ['divergences', 0, 'old', 'hex'], 'XY');
    expect(messageOf(() => parseResult(JSON.stringify(wrong), 'run-7.json'))).toBe(
      'run-7.json is not a result of relaydiff: divergences[0].old.hex: lower-case hex is needed',
    );
    expect(messageOf(() => parseResult('{', 'run-7.json'))).toMatch(/^run-7\.json is not a result/);
    expect(messageOf(() => parseResult('7', 'run-7.json'))).toContain('the document: ');
  });
});
