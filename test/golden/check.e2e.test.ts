/** `relaydiff check` with the built command line, against relays that keep the promise, break it, and misbehave. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { livingWith } from '../../src/replay/process-table.ts';
import type { CheckReport } from '../../src/report/check-report.ts';
import { until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import {
  bad,
  badEach,
  type CheckEnd,
  nothingIsLeft,
  ONE_REPLAY,
  reference,
  reportIn,
  startCheck,
  writeGolden,
} from './check-support.ts';

const schemaFile = new URL('../../schemas/json/check.schema.json', import.meta.url);

interface Place {
  readonly golden: string;
  readonly scratch: string;
  readonly path: (name: string) => string;
}

function place(): Place {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  writeGolden(path('domains'));
  mkdirSync(path('tmp'));
  return { golden: path('domains'), scratch: path('tmp'), path };
}

/** Runs it, and looks at what it left behind. */
async function check(
  args: readonly string[],
  scratch: string,
  environment = {},
): Promise<CheckEnd> {
  const end = await startCheck(args, scratch, environment).end();
  await nothingIsLeft(scratch);
  return end;
}

it('a relay that keeps the promise passes in every replay; all outputs say so', async () => {
  const { golden, scratch, path } = place();
  const files = ['--junit', path('out/check.xml'), '--markdown', path('check.md'), '--github'];
  const summary = path('summary.md');
  writeFileSync(summary, 'before\n');
  const args = [golden, '--relay', reference('original'), '--json', ...files];
  const end = await check(args, scratch, { GITHUB_STEP_SUMMARY: summary });
  const report = reportIn(end);
  const validate = new Ajv2020({ strict: true }).compile(
    JSON.parse(readFileSync(schemaFile, 'utf8')),
  );
  expect(validate(report) ? '' : JSON.stringify(validate.errors)).toBe('');
  expect([end.exitCode, report.exitCode, report.verdict]).toEqual([0, 0, 'passed']);
  expect(report.cases.map(({ replay, outcome, reason }) => [replay, outcome, reason])).toEqual([
    ['causal:recorded', 'passed', '26 messages as promised'],
    ['max:frame', 'passed', '26 messages as promised'],
  ]);
  expect(end.stderr).toBe(
    '1/2 passed: domains causal:recorded: 26 messages as promised\n2/2 passed: domains max:frame: 26 messages as promised\n',
  );
  const junit = readFileSync(path('out/check.xml'), 'utf8');
  expect(junit).toContain('tests="2" failures="0" errors="0"');
  const markdown = readFileSync(path('check.md'), 'utf8');
  expect(markdown).toContain('all 2 cases passed');
  expect(readFileSync(summary, 'utf8')).toBe(`before\n${markdown}`);
});

it('a relay that breaks it fails with exactly what the golden shows of it, the same each time', async () => {
  const { scratch, path } = place();
  for (const name of ['a', 'b']) writeGolden(path(`goldens/${name}`), ONE_REPLAY);
  const run = async (name: string): Promise<readonly [CheckReport, string, string]> => {
    const files = ['--junit', path(`${name}.xml`), '--markdown', path(`${name}.md`)];
    const kept = ['--keep', path(`${name}-kept`), '--html', path(`${name}-html`)];
    const how = ['--jobs', '2', '--json', ...files, ...kept];
    const args = [path('goldens'), '--relay', reference('generic'), ...how];
    const end = await check(args, scratch);
    expect(end.exitCode).toBe(1);
    const read = (file: string): string => readFileSync(path(file), 'utf8');
    return [reportIn(end), read(`${name}.xml`), read(`${name}.md`)];
  };
  const [first, junit, markdown] = await run('one');
  const [second, junitAgain, markdownAgain] = await run('two');
  const { shows } = JSON.parse(readFileSync(path('goldens/a/expected.json'), 'utf8'));
  expect(shows.counts).toEqual({ missing: 6 });
  for (const [index, told] of first.cases.entries()) {
    const { outcome, asShown, isStable, comparison } = told;
    expect({ outcome, asShown, isStable }).toEqual({
      outcome: 'failed',
      asShown: true,
      isStable: true,
    });
    expect(comparison?.counts).toEqual(shows.counts);
    expect(comparison?.groups.map(({ cause }) => cause).sort()).toEqual([
      'chunk-led-by-another-domain',
      'other-domain',
    ]);
    const facts = first.run.cases[index];
    expect(facts?.captures.map((file) => existsSync(file))).toEqual([true]);
    const page = readFileSync(facts?.html ?? '', 'utf8');
    expect(page).toContain('relaydiff-model');
    expect(page).toContain(`<title>different: ${told.golden} causal:recorded - relaydiff`);
  }
  expect(junit).toContain('<failure message="6 missing" type="failed">6 missing\n');
  expect(markdown).toContain('as the golden shows of the new relay');
  // Two runs: the same but for what is said to differ.
  expect({ ...second, run: null }).toEqual({ ...first, run: null });
  const timeless = (xml: string): string =>
    xml.replaceAll(/ (?:time|timestamp|hostname)="[^"]*"/g, '');
  expect(timeless(junitAgain)).toBe(timeless(junit));
  const runless = (page: string): string => page.replace(/<sub>.*<\/sub>/, '');
  expect(runless(markdownAgain)).toBe(runless(markdown));
});

/** What a relay does, the outcome, its trouble, what is said. */
const FAULTS: readonly (readonly [string, string, string | null, RegExp])[] = [
  ['good', 'passed', null, /^26 messages as promised$/],
  ['chatter', 'passed', null, /^26 messages as promised$/],
  ['forks', 'passed', null, /^26 messages as promised$/],
  ['mute', 'failed', null, /^26 missing, 2 connection; the relay answered nothing$/],
  ['garbage', 'failed', null, /; the relay answered (nothing but )?bytes that are no messages$/],
  ['close-early 300', 'failed', null, /the relay closed clients before they had sent everything$/],
  ['crash', 'relay-failed', 'ended-early', /^the relay ended before it listened \(exit code 3\)$/],
  ['crash-after 300', 'relay-failed', 'ended', /while clients were played \(killed by SIGSEGV\)$/],
  ['deaf', 'relay-failed', 'never-listened', /^nobody listened at the socket within 4 s, while/],
  [
    'stubborn',
    'relay-failed',
    'never-stopped',
    /^the relay did not end within 0.5 s of SIGTERM, and was killed; its answers: 26 messages as promised$/,
  ],
];

describe('relays that misbehave', () => {
  it('get a clear verdict each, and leave nothing behind', async () => {
    const { scratch, path } = place();
    for (const [at] of FAULTS.entries()) writeGolden(path(`faults/golden-${at}`), ONE_REPLAY);
    const faults = FAULTS.map(([fault]) => fault);
    const relay = badEach(path('faults.txt'), faults);
    const junit = path('check.xml');
    const how = ['--start-limit', '4s', '--stop-limit', '500ms', '--github', '--junit', junit];
    const end = await check([path('faults'), '--relay', relay, '--json', ...how], scratch);
    const { cases, counts } = reportIn(end);
    for (const [at, [fault, outcome, trouble, words]] of FAULTS.entries()) {
      const told = cases[at];
      expect([fault, told?.outcome, told?.relay?.trouble]).toEqual([fault, outcome, trouble]);
      expect(told?.reason).toMatch(words);
    }
    expect(end.exitCode).toBe(4);
    expect(counts).toMatchObject({ passed: 3, failed: 3, relayFailed: 4, inconclusive: 0 });
    expect(cases[2]?.relay?.leftBehind).toBeGreaterThanOrEqual(2);
    // What the relay says at its end is no colour, no control character and no markup.
    const xml = readFileSync(junit, 'utf8');
    expect(xml).toContain(
      '<system-err>thread main panicked at relay.rs:7\u{fffd} &lt;]]&gt;&amp;\n</system-err>',
    );
    const types = [...xml.matchAll(/<error message="[^"]+" type="([^"]+)">/g)].map(
      ([, type]) => type,
    );
    expect(types).toEqual(['ended-early', 'ended', 'never-listened', 'never-stopped']);
    const annotated = [
      ...end.stderr.matchAll(/^::error title=relaydiff%3A relay failed%3A (\S+)::1 × /gm),
    ];
    expect(new Set(annotated.map(([, type]) => type))).toEqual(new Set(types));
  });

  it('are ended when a case takes too long; people see what they said and which case it was', async () => {
    const { golden, scratch } = place();
    const late = ['--time-limit', '1500ms', '--replay', 'causal'];
    const end = await check([golden, '--relay', bad('deaf'), ...late], scratch);
    expect(end.exitCode).toBe(4);
    expect(end.stdout).toContain('  | no door here\n');
    expect(end.stdout).toMatch(
      /^relay-failed {2}domains {2}causal:recorded .*the case was not done within 1\.5 s$/m,
    );
    expect(end.stdout).toMatch(/RELAY-FAILED {2}of 1 case: 1 with a relay that failed\n$/);
  });

  it('are found to be unstable by repeating, with what was not there each time', async () => {
    const { scratch, path } = place();
    writeGolden(path('golden'), ONE_REPLAY);
    const relay = badEach(path('faults.txt'), ['good', 'lossy 9', 'lossy 9']);
    const end = await check([path('golden'), '--relay', relay, '--repeat', '3', '--json'], scratch);
    const [told] = reportIn(end).cases;
    expect([end.exitCode, told?.runs, told?.isStable]).toEqual([
      1,
      ['passed', 'failed', 'failed'],
      false,
    ]);
    expect(told?.reason).toBe('2 missing; only in 2 of 3 repetitions');
    expect(told?.unstable.map(({ kind, seenIn }) => [kind, seenIn])).toEqual([
      ['missing', [2, 3]],
      ['missing', [2, 3]],
    ]);
  });
});

it.each(['SIGTERM', 'SIGKILL'] as const)(
  'no relay outlives relaydiff, which is ended by %s',
  async (signal) => {
    const { golden, scratch, path } = place();
    const how = ['--start-limit', '60s', '--junit', path('check.xml')];
    const run = startCheck([golden, '--relay', bad('deaf'), ...how], scratch);
    // relaydiff, its relay, and the guard.
    await until(() => livingWith(`TMPDIR=${scratch}`).length >= 3);
    run.child.kill(signal);
    const end = await run.end();
    await nothingIsLeft(scratch);
    if (signal === 'SIGKILL') return;
    expect(end.exitCode).toBe(3);
    const xml = readFileSync(path('check.xml'), 'utf8');
    expect(xml).toContain('tests="2" failures="0" errors="0" skipped="2"');
  },
);

it.each([
  [['EMPTY', '--relay', 'x {socket}'], /is no golden and holds none.*GOLDEN_INVALID/],
  [['nowhere', '--relay', 'x {socket}'], /no golden and no capture at nowhere.*CAPTURE_NOT_FOUND/],
  [['GOLDEN', '--relay', 'x | y'], /has "\|" at character 3, and no shell reads it.*USAGE/],
  [['GOLDEN', '--relay', 'x', '--replay', 'slow'], /Write timed, causal or max/],
  [['GOLDEN', '--relay', 'x', '--rules', 'RULES'], /rules\.yaml:1:.*RULES_INVALID/s],
])('%j is refused before any relay is started, exit code 2', async (args, words) => {
  const { golden, scratch, path } = place();
  writeFileSync(path('bad-rules.yaml'), 'ruled: []\n');
  const given = args.map((each) =>
    each
      .replace('GOLDEN', golden)
      .replace('EMPTY', scratch)
      .replace('RULES', path('bad-rules.yaml')),
  );
  const end = await check(given, scratch);
  expect(end.stderr).toMatch(words);
  expect(end.exitCode).toBe(2);
});

it('a report that cannot be written is told before any relay is started', async () => {
  const { golden, scratch } = place();
  const end = await check([golden, '--relay', 'x {socket}', '--junit', scratch], scratch);
  expect(end.stderr).toMatch(/cannot write .*: it is a directory \[OUTPUT_UNWRITABLE\]/);
  expect([end.exitCode, end.stdout]).toEqual([4, '']);
});

it.skipIf(!existsSync('/dev/full'))(
  'a report that cannot be written in the end costs neither the verdict nor another report',
  async () => {
    const { golden, scratch, path } = place();
    const files = ['--junit', '/dev/full', '--markdown', path('check.md')];
    const relay = ['--relay', 'relaydiff-no-such-program {socket}'];
    const end = await check([golden, ...relay, ...files], scratch);
    expect(end.stdout).toMatch(/RELAY-FAILED {2}of 2 cases/);
    expect(end.stderr).toMatch(/cannot write \/dev\/full: ENOSPC.*OUTPUT_UNWRITABLE/);
    expect(end.exitCode).toBe(4);
    expect(readFileSync(path('check.md'), 'utf8')).toContain('of 2 cases');
  },
);

it('a page that cannot be written costs neither the verdict nor another page', async () => {
  const { scratch, path } = place();
  for (const name of ['a', 'b']) writeGolden(path(`goldens/${name}`), ONE_REPLAY);
  // A directory is where the first page belongs.
  mkdirSync(path('pages/a.causal-recorded.html'), { recursive: true });
  const args = ['--relay', reference('generic'), '--html', path('pages'), '--json'];
  const end = await check([path('goldens'), ...args], scratch);
  const { verdict, run } = reportIn(end);
  expect([verdict, ...run.cases.map(({ html }) => html !== null)]).toEqual(['failed', false, true]);
  expect(end.stderr).toMatch(/a\.causal-recorded\.html.*OUTPUT_UNWRITABLE/);
  expect(end.exitCode).toBe(4);
  expect(readFileSync(path('pages/b.causal-recorded.html'), 'utf8')).toContain('<!doctype html>');
});
