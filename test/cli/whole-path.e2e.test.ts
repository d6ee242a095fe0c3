/** Sockets, shim, capture, differ, report: the whole path, with real processes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseResult } from '../../src/report/result-json.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { recordOriginals } from './recorded-relays.ts';

describe('two relays that are the same', () => {
  it('are found to be the same on ten thousand messages, three clients and two publishers', async () => {
    const directory = temporaryDirectory();
    const path = (name: string): string => join(directory, name);
    const { shim, play } = await recordOriginals(path);
    await play();
    expect(await shim.stop()).toBe(0);
    const { exitCode, stdout } = runCli(['diff', path('a.capture'), '--json']);
    const result = parseResult(stdout, 'stdout');
    expect(result.reason).toContain('30000 messages');
    expect([result.verdict, exitCode]).toEqual(['same', 0]);
    expect(result.counts).toMatchObject({ old: 30_000, new: 30_000, identical: 30_000 });
    expect(result.counts.ignored).toBe(0);
  });
});

describe('the demo', () => {
  it('finds what the generic relay loses, with cause and bytes, and leaves nothing behind', () => {
    const out = join(temporaryDirectory(), 'demo-out');
    const scratch = temporaryDirectory();
    vi.stubEnv('TMPDIR', scratch);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { exitCode, stdout, stderr } = runCli(['demo', '--duration', '3s', '--out', out]);
    expect(stderr).toContain('4/4');
    expect(stdout).toContain('DIFFERENT');
    expect(stdout).toContain('drops reads which do not begin with a header');
    expect(stdout).toContain('report.html');
    expect(exitCode).toBe(0);
    const text = readFileSync(join(out, 'result.json'), 'utf8');
    const result = parseResult(text, 'result.json');
    const causes = new Set(result.groups.map((group) => group.cause));
    expect(causes).toContain('read-began-inside-a-frame');
    expect(causes).toContain('chunk-led-by-another-domain');
    const missing = result.divergences.filter((divergence) => divergence.kind === 'missing');
    expect(missing.length).toBe(result.counts.divergences.missing);
    for (const divergence of missing) expect(divergence.old?.hex).toMatch(/^efbeadde/);
    expect(existsSync(join(out, 'report.html'))).toBe(true);
    expect(existsSync(join(out, 'demo.capture-wal'))).toBe(false);
    expect(readdirSync(scratch)).toEqual([]);
    const again = runCli(['report', join(out, 'result.json')]);
    expect(again.exitCode).toBe(1);
    expect(again.stdout).toContain('DIFFERENT');
  });
});
