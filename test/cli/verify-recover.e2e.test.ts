/** verify and recover as users run them: what they print, what machines read, and how they exit. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { testFrame } from '../support/frames.ts';
import { connectTo, newPaths, startPeer, startShim } from '../shim/support.ts';
import { startRelay } from '../../src/simulate/relay.ts';
import { runCli, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const GOLDEN = fileURLToPath(new URL('../../captures/real-relays', import.meta.url));
const PAGE_BYTES = 8_192;

function schemaOf(name: string): ValidateFunction {
  const file = new URL(`../../schemas/json/${name}.schema.json`, import.meta.url);
  return new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
    JSON.parse(readFileSync(file, 'utf8')),
  );
}

const isVerification = schemaOf('verify');
const isRecovery = schemaOf('recover');

/** A copy of a golden capture of which a part is overwritten. */
function damagedCopy(from: number, to: number): string {
  const path = join(temporaryDirectory(), 'damaged.capture');
  copyFileSync(join(GOLDEN, 'market_data-split-after-header.capture'), path);
  writeFileSync(path, readFileSync(path).fill(0xa5, from, to));
  return path;
}

describe('verify', () => {
  it('finds every committed capture whole', () => {
    const files = readdirSync(GOLDEN).filter((name) => name.endsWith('.capture'));
    const { stdout, exitCode } = runCli([
      'verify',
      '--json',
      ...files.map((name) => join(GOLDEN, name)),
    ]);
    const verifications = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const each of verifications) {
      expect(isVerification(each), JSON.stringify(isVerification.errors)).toBe(true);
      expect(each).toMatchObject({ verdict: 'whole', sealed: true, findings: [] });
    }
    expect(verifications).toHaveLength(files.length);
    expect(exitCode).toBe(0);
  });

  it('names the damage, says what to do, goes on to the next file, and exits with the worst', () => {
    const damaged = damagedCopy(9 * PAGE_BYTES, 9 * PAGE_BYTES + 4_000);
    const text = join(temporaryDirectory(), 'text');
    writeFileSync(text, 'No capture at all, only a text that is longer than a header of SQLite.');
    const finished = runCli(['verify', damaged, text, join(temporaryDirectory(), 'none')]);
    expect(finished.stdout).toMatch(/damaged\.capture: DAMAGED/);
    expect(finished.stdout).toMatch(/damage: /);
    expect(finished.stdout).toMatch(/relaydiff recover .*damaged\.capture --out/);
    expect(finished.stdout).toMatch(/text: UNREADABLE\n.*NOT_A_CAPTURE/);
    expect(finished.stdout).toMatch(/none: UNREADABLE\n.*CAPTURE_NOT_FOUND/);
    expect(finished.exitCode).toBe(2);
    const json = runCli(['verify', '--json', damaged]);
    expect(isVerification(JSON.parse(json.stdout)), JSON.stringify(isVerification.errors)).toBe(
      true,
    );
    expect(json.exitCode).toBe(2);
    const info = runCli(['messages', damaged]);
    expect(info.stderr).toMatch(
      /CAPTURE_DAMAGED\]\n {2}Save what is still true with relaydiff recover/,
    );
  });
});

describe('recover', () => {
  it('saves what is left of a damaged file, says what is lost, and diff never says same over it', () => {
    const database = new Database(join(GOLDEN, 'market_data-split-after-header.capture'), {
      readonly: true,
    });
    const root = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'segment'");
    const segments = Number(root.pluck().get());
    database.close();
    const damaged = damagedCopy((segments - 1) * PAGE_BYTES, segments * PAGE_BYTES);
    const out = join(temporaryDirectory(), 'recovered.capture');
    const finished = runCli(['recover', damaged, '--out', out, '--json']);
    const recovery = JSON.parse(finished.stdout);
    expect(isRecovery(recovery), JSON.stringify(isRecovery.errors)).toBe(true);
    expect(recovery).toMatchObject({ verdict: 'lost', sealed: true, lost: { rangeCount: 7 } });
    expect(finished.exitCode).toBe(3);
    expect(runCli(['verify', out]).exitCode).toBe(3);
    expect(JSON.parse(runCli(['diff', out, '--json']).stdout).verdict).toBe('inconclusive');
  });

  it('tells people in sentences', () => {
    const golden = join(GOLDEN, 'market_data-split-after-header.capture');
    const whole = runCli(['recover', golden, '--out', join(temporaryDirectory(), 'a.capture')]);
    expect(whole.stdout).toMatch(
      /7 streams of 3 connections, .* read again and verified\nnothing was lost: the digest/,
    );
    expect(whole.exitCode).toBe(0);
  });

  it('refuses what is no capture, and needs to know where to', () => {
    const directory = temporaryDirectory();
    const text = join(directory, 'text');
    writeFileSync(text, 'No capture at all, only a text that is longer than a header of SQLite.');
    const refused = runCli(['recover', text, '--out', join(directory, 'out.capture')]);
    expect(refused.stderr).toMatch(/nothing in it is a row of a capture \[NOT_A_CAPTURE\]/);
    expect([refused.exitCode, runCli(['recover', text]).exitCode]).toEqual([2, 2]);
    expect(readdirSync(directory)).toEqual(['text']);
  });

  it('makes a sealed capture of what a killed recorder left, and keeps the doubt about its end', async () => {
    const paths = newPaths();
    const old = await startRelay({
      kind: 'original',
      domain: 'market_data',
      socketPath: paths.old,
    });
    const fresh = await startPeer(paths.new, { reads: true });
    const shim = await startShim(paths);
    const client = await connectTo(paths.listen);
    for (let sequence = 1; sequence <= 200; sequence++) {
      client.socket.write(testFrame(sequence));
      if (sequence % 20 === 0) {
        const bytes = sequence * testFrame(1).length;
        await until(() => client.received().length === bytes);
      }
    }
    await until(
      () => fresh.received.flat().reduce((sum, { length }) => sum + length, 0) === 20_000,
    );
    await shim.stop('SIGKILL');
    await old.close();
    const verified = runCli(['verify', paths.out]);
    expect(verified.stdout).toMatch(/whole as far as it goes, but bytes are missing/);
    expect(verified.stdout).toMatch(
      /it is not sealed: its recorder was killed, or is still recording/,
    );
    expect(verified.exitCode).toBe(3);
    const out = `${paths.out}.recovered`;
    const recovered = runCli(['recover', paths.out, '--out', out]);
    expect(recovered.stdout).toMatch(/nothing that the file held was lost; it was not sealed/);
    expect(recovered.exitCode).toBe(0);
    const summaries = [paths.out, out].map((path) =>
      JSON.parse(runCli(['info', path, '--json']).stdout),
    );
    const [before, after] = summaries.map(({ streams, messages }) => ({ streams, messages }));
    expect(after).toEqual(before);
    expect(summaries[1]).toMatchObject({ sealed: true });
    const diff = runCli(['diff', out]);
    expect(diff.exitCode).not.toBe(0);
  });
});
