/** Minimizing with the relays that lose messages as the real ones do: out of ten thousand messages, the few that matter. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import type { DiffResult } from '../../src/diff/types.ts';
import { MINIMIZE_SHAPE, type MinimizeReport } from '../../src/minimize/minimal-report.ts';
import { relayProgram } from '../../src/simulate/spawn.ts';
import { delivers, sends } from '../diff/support.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const WRITES = 2_000;
const MESSAGES_A_WRITE = 5;
const relay = (kind: string): string =>
  `${process.execPath} ${relayProgram} --quiet --kind ${kind} --domain {domain} --socket {socket}`;

/** One write in the middle begins with a message of another domain, and the new relay lost all of it. */
function writeRecording(path: string): void {
  const steps: CaptureStep[] = [];
  for (let write = 0; write < WRITES; write++) {
    const messages = Array.from({ length: MESSAGES_A_WRITE }, (_, index) => {
      const isForeign = write === WRITES / 2 && index === 0;
      const sequence = write * MESSAGES_A_WRITE + index + 1;
      return testFrame(sequence, isForeign ? { domain: 2, type: 20 } : { valueBytes: 40 });
    });
    const chunk = Buffer.concat(messages);
    steps.push(...sends(1, chunk), ...delivers('old', [1, 2], chunk));
    if (write !== WRITES / 2) steps.push(...delivers('new', [1, 2], chunk));
  }
  buildCapture(path, { connections: ['publisher', 'dashboard'], steps });
}

it('brings a divergence of the generic relay down to a write with two messages', {
  timeout: 120_000,
}, () => {
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  writeRecording(at('md.capture'));
  // Whatever the command leaves behind, it leaves here.
  const scratch = at('tmp');
  mkdirSync(scratch);
  vi.stubEnv('TMPDIR', scratch);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });

  const small = at('small.capture');
  const args = ['minimize', at('md.capture'), '--divergence', 'd4', '--relay', relay('generic')];
  const found = runCli([...args, '--out', small, '--json', '--quiet']);
  expect(found.stderr).toBe('');
  const report: MinimizeReport = JSON.parse(found.stdout);
  const schema: object = JSON.parse(
    readFileSync(new URL('../../schemas/json/minimize.schema.json', import.meta.url), 'utf8'),
  );
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
  expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
  expect(report).toMatchObject({
    verdict: 'minimal',
    promise: 'recording',
    divergence: { kind: 'missing', cause: 'chunk-led-by-another-domain' },
    shown: { times: 3, of: 3 },
    flaky: 0,
    from: { clients: 2, writes: WRITES, messages: WRITES * MESSAGES_A_WRITE },
    to: { clients: 1, writes: 1, messages: 2 },
  });
  expect(found.exitCode).toBe(0);
  const [, write] = report.steps;
  expect(write?.messages.map(({ identity }) => identity?.sequence)).toEqual(['5001', '5004']);
  expect(write?.messages.every(({ old, new: neu }) => old.length === 1 && neu.length === 0)).toBe(
    true,
  );

  // What was written is whole, and shows it.
  expect(runCli(['verify', small]).exitCode).toBe(0);
  const diff = runCli(['diff', small, '--json']);
  const result: DiffResult = JSON.parse(diff.stdout);
  const causes = result.groups.map(({ cause }) => cause).toSorted();
  expect(causes).toEqual(['chunk-led-by-another-domain', 'other-domain']);
  expect(result.counts).toMatchObject({ old: 2, new: 0 });

  // With the old relay itself as the promise; and a relay that does nothing wrong.
  const exact = runCli([
    'minimize',
    small,
    '--divergence',
    'g2',
    '--relay',
    relay('generic'),
    '--reference',
    relay('original'),
  ]);
  expect(exact.stdout).toContain('2 messages in 1 write of 1 client');
  expect(exact.stdout).toMatch(/Trade +5004 +74 +publisher +nobody/);
  const good = runCli(['minimize', small, '--divergence', 'd1', '--relay', relay('original')]);
  expect(good.exitCode).toBe(3);
  expect(good.stdout).toContain('NOT SHOWN');

  const unknown = runCli(['minimize', small, '--divergence', 'd9', '--relay', relay('generic')]);
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stderr).toContain('there is no divergence d9 [USAGE]');
  const broken = runCli([
    'minimize',
    small,
    '--divergence',
    'd1',
    '--relay',
    'false {socket}',
    '--out',
    at('x.capture'),
  ]);
  expect(broken.exitCode).toBe(4);
  expect(broken.stderr).toContain('[RELAY_FAILED]');
  expect(existsSync(at('x.capture'))).toBe(false);
  // Told before the search, which may take minutes.
  const nowhere = runCli([
    'minimize',
    small,
    '--divergence',
    'd1',
    '--relay',
    'false {socket}',
    '--out',
    at('missing/x.capture'),
  ]);
  expect(nowhere.stderr).toMatch(/^relaydiff: cannot write .*: ENOENT.*OUTPUT_UNWRITABLE/);
  expect(nowhere.exitCode).toBe(4);
  expect(readdirSync(scratch)).toEqual([]);
});

it('publishes the schema of what it prints', async () => {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:relaydiff:minimize:1',
    title: 'relaydiff minimize',
    description:
      'What `relaydiff minimize --json` prints. A later version may add keys; readers ignore keys they do not know.',
    ...z.toJSONSchema(MINIMIZE_SHAPE, { io: 'input' }),
  };
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    '../../schemas/json/minimize.schema.json',
  );
});
