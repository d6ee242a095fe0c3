/** Rules and review as people and scripts use them: compare, accept, compare again. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { parseResult } from '../../src/report/result-json.ts';
import { message, trade } from '../diff/rules/support.ts';
import { delivers, sends } from '../diff/support.ts';
import { CLI } from '../support/built-cli.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { runCli, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const TRANSCRIPTS = fileURLToPath(
  new URL('../fixtures/transcripts/relay-transcripts.ndjson', import.meta.url),
);

function schema(name: string): ReturnType<Ajv2020['compile']> {
  const file = new URL(`../../schemas/json/${name}.schema.json`, import.meta.url);
  return new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
    JSON.parse(readFileSync(file, 'utf8')),
  );
}

/** A changed price, a lost message; and, if asked for, a message that only new has. */
function writeCapture(path: string, hasExtra = false): void {
  const other = message([{ type: 202, fields: { raw: '0102' } }], { sequence: 9, source: 5 });
  const [one, two, three] = [
    trade({ sequence: 1 }),
    trade({ sequence: 2 }),
    trade({ sequence: 3 }),
  ];
  buildCapture(path, {
    connections: ['publisher'],
    steps: [
      ...sends(1, one, two, three),
      ...delivers('old', [1], one, two, three),
      ...delivers('new', [1], one, trade({ sequence: 2, price: 1n })),
      ...(hasExtra ? delivers('new', [1], other) : []),
    ],
  });
}

it('a group that a review accepted is swallowed, and nothing but it', () => {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  writeCapture(path('a.capture'));
  writeCapture(path('b.capture'), true);
  const diff = (capture: string, ...more: string[]): ReturnType<typeof runCli> =>
    runCli(['diff', path(capture), '--rules', path('rules.yaml'), ...more]);
  expect(runCli(['diff', path('a.capture'), '--result', path('a.json')])).toMatchObject({
    exitCode: 1,
  });

  const review = ['review', path('a.json'), '--rules', path('rules.yaml')];
  const half = runCli([...review, '--json'], 'accept\nas agreed\nops\n30d\nreject\n');
  expect(half).toMatchObject({ exitCode: 1 });
  const summary = JSON.parse(half.stdout);
  expect(schema('review')(summary)).toBe(true);
  expect(summary).toMatchObject({
    accepted: [{ group: 'g1', reason: 'as agreed', owner: 'ops', count: 1 }],
    rejected: [{ group: 'g2' }],
  });
  expect(diff('a.capture')).toMatchObject({ exitCode: 1 });

  const rest = runCli([...review, '--owner', 'ops', '--expires', '2d'], 'a\nagreed, too\n\n\n');
  expect(rest).toMatchObject({ exitCode: 0 });
  expect(rest.stdout).toMatch(/^accepted: 1 group, 1 divergence .*\n.*\naccepted before: 1 group/);
  expect(rest.stderr).toContain('Group 1 of 1');

  const same = diff('a.capture', '--result', path('same.json'));
  expect(same).toMatchObject({ exitCode: 0 });
  expect(same.stdout).toContain('2 rules swallowed 2 divergences');
  const text = readFileSync(path('same.json'), 'utf8');
  expect(schema('result')(JSON.parse(text))).toBe(true);
  expect(parseResult(text, 'same.json').rules).toMatchObject([
    { action: 'expect', state: 'used', divergences: 1 },
    { action: 'expect', state: 'used', divergences: 1 },
  ]);
  const other = diff('b.capture');
  expect(other).toMatchObject({ exitCode: 1 });
  expect(other.stdout).toMatch(/Old and new differ: 1 extra; 2 rules swallowed 2 divergences/);
  expect(runCli(review)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('accepted before: 2 groups'),
  });
});

it('accepts what the real relays differ in, capture by capture, with one answer', () => {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  runCli(['import', '--format', 'transcript', TRANSCRIPTS, '--out', path('real'), '-q']);
  const captures = readdirSync(path('real')).map((name) => join(path('real'), name));
  expect(captures.length).toBeGreaterThan(10);
  let reviewed = 0;
  for (const capture of captures) {
    const before = runCli(['diff', capture, '--result', path('r.json')]).exitCode;
    if (before !== 1) continue;
    reviewed += 1;
    const review = ['review', path('r.json'), '--rules', path('rules.yaml')];
    expect(runCli(review, 'all\nknown since the transcripts\n\n\n')).toMatchObject({ exitCode: 0 });
    expect(runCli(['diff', capture, '--rules', path('rules.yaml')])).toMatchObject({ exitCode: 0 });
  }
  expect(reviewed).toBeGreaterThan(5);
});

it('writes a decision as soon as it is made, in one step, and keeps link, mode and what others wrote', async () => {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  writeCapture(path('a.capture'));
  runCli(['diff', path('a.capture'), '--result', path('a.json')]);
  const mine =
    '# mine\nrules:\n  - { id: late, action: ignore, reason: x, where: { kind: late } }\n';
  writeFileSync(path('real.yaml'), mine);
  chmodSync(path('real.yaml'), 0o640);
  symlinkSync('real.yaml', path('rules.yaml'));
  const child = spawn(process.execPath, [
    CLI,
    'review',
    path('a.json'),
    '--rules',
    path('rules.yaml'),
  ]);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const rules = (): string => readFileSync(path('real.yaml'), 'utf8');
  await until(() => said.includes('quit, ? [skip]: '));
  child.stdin.write('a\nwhy not\nops\n\n');
  await until(() => said.includes('Group 2 of 2'));
  expect(rules().startsWith(mine)).toBe(true);
  expect(rules()).toContain('reason: why not');
  writeFileSync(path('real.yaml'), `${rules()}\n# written meanwhile\n`);
  child.stdin.write('back\nr\n');
  await until(() => !rules().includes('why not'));
  child.kill('SIGINT');
  const [exitCode] = await once(child, 'close');
  expect(exitCode).toBe(1);
  expect(printed).toContain('rejected: 1 group');
  expect(rules()).toBe(`${mine}\n# written meanwhile\n`);
  expect(lstatSync(path('rules.yaml')).isSymbolicLink()).toBe(true);
  expect(statSync(path('real.yaml')).mode & 0o777).toBe(0o640);
  expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

it('tells every mistake of every file, and touches no file that it cannot read', () => {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  writeCapture(path('a.capture'));
  runCli(['diff', path('a.capture'), '--result', path('a.json')]);
  writeFileSync(
    path('one.yaml'),
    'rules:\n  - { id: a, action: ignroe, reason: x, where: { kind: late } }\n',
  );
  writeFileSync(
    path('two.yaml'),
    'rules:\n  - { id: b, action: ignore, reason: x, where: { tlv: Trde } }\n',
  );
  const files = ['--rules', path('one.yaml'), '--rules', path('two.yaml')];
  const refused = runCli(['diff', path('a.capture'), ...files]);
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused.stderr).toContain('[RULES_INVALID]');
  expect(refused.stderr).toMatch(/one\.yaml:2:22: .*did you mean "ignore"\?/);
  expect(refused.stderr).toMatch(/two\.yaml:2:55: .*did you mean "Trade"\?/);
  const before = readFileSync(path('one.yaml'), 'utf8');
  const review = runCli(['review', path('a.json'), '--rules', path('one.yaml')], 'a\nx\n\n\n');
  expect(review).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('[RULES_INVALID]') });
  expect(readFileSync(path('one.yaml'), 'utf8')).toBe(before);
  expect(runCli(['diff', path('a.capture'), '--rules', path('none.yaml')])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('[INPUT_UNREADABLE]'),
  });
  const nowhere = runCli(
    ['review', path('a.json'), '--rules', path('no/where.yaml')],
    'a\nbecause\n\n\n',
  );
  expect(nowhere).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('[OUTPUT_UNWRITABLE]'),
  });
  expect(runCli(['review', path('a.json'), '--expires', 'never'])).toMatchObject({ exitCode: 2 });
  expect(existsSync(path('rules.yaml'))).toBe(false);
});
