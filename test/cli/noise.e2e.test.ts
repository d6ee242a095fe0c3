/** Typed noise with real relays that stamp, real sockets and the built program. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseResult } from '../../src/report/result-json.ts';
import { agreeingScenario, playScenario } from '../../src/simulate/scenario.ts';
import { spawnRelay } from '../../src/simulate/spawn.ts';
import type { StampFault } from '../../src/simulate/stamps.ts';
import { runCli, startCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const STAMPS = [
  { kind: 'counter', offset: 8 },
  { kind: 'clock', offset: 16 },
] as const;

/** Two relays that stamp; what became of 1,000 messages as a capture. */
async function record(seed: number, fault?: StampFault): Promise<string> {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  for (const side of ['old', 'new'] as const) {
    const relay = await spawnRelay({
      kind: 'original',
      domain: 'market_data',
      socketPath: path(side),
      stamping: {
        stamps: STAMPS,
        seed: side === 'old' ? seed : seed + 100,
        ...(side === 'new' && fault !== undefined ? { fault } : {}),
      },
    });
    onTestFinished(relay.stop);
  }
  const sockets = ['--listen', path('listen'), '--old', path('old'), '--new', path('new')];
  const shim = startCli(['record', ...sockets, '--out', path('a.capture')]);
  await shim.says('recording ');
  const clients = agreeingScenario({ seed, messages: 1_000 });
  await playScenario({ socketPath: path('listen'), clients });
  expect(await shim.stop()).toBe(0);
  return path('a.capture');
}

describe('relays that stamp every message', () => {
  it('are the same but for noise, and a counter that stands still is found', async () => {
    const noise = await record(1);
    const model = join(temporaryDirectory(), 'noise.json');
    const learned = runCli(['noise', noise, '--out', model]);
    expect(learned.stdout).toMatch(/header\.timestamp +clock/);
    expect(learned.stdout).toMatch(/header\.sequence +counter/);
    expect(learned.stdout).toMatch(
      /false alarms there: .*: counter .*, clock |false alarms there: .*: clock .*, counter /,
    );
    const schema = new URL('../../schemas/json/noise.schema.json', import.meta.url);
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
      JSON.parse(readFileSync(schema, 'utf8')),
    );
    expect([validate(JSON.parse(readFileSync(model, 'utf8'))), validate.errors]).toEqual([
      true,
      null,
    ]);

    const good = await record(2);
    expect(runCli(['diff', good, '--quiet']).exitCode).toBe(1);
    for (const file of [noise, model]) {
      const { stdout } = runCli(['diff', good, '--noise', file, '--json']);
      const result = parseResult(stdout, 'stdout');
      // A busy machine may hold one of two stamps back for longer than it ever did before.
      expect(result.counts.divergences).toMatchObject({ missing: 0, extra: 0, reordered: 0 });
      const counters = result.noise?.fields.filter((field) => field.kind === 'counter') ?? [];
      expect(counters.length).toBeGreaterThan(0);
      expect(counters.map((field) => field.alarms)).toEqual(counters.map(() => 0));
      expect(counters.every((field) => field.explained > 0)).toBe(true);
    }

    const bad = await record(3, 'stuck');
    const { exitCode, stdout } = runCli(['diff', bad, '--noise', model]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('counter of header.sequence does not count');
  });

  it('refuses what is no noise model, with its place', () => {
    const file = join(temporaryDirectory(), 'model.json');
    writeFileSync(file, '{"format":"relaydiff-noise/2"}');
    const { exitCode, stderr } = runCli(['diff', file, '--noise', file]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('NOT_A_CAPTURE');
  });
});
