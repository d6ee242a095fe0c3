/** `export` and `import` as users call them: formats told by names and beginnings, pipes, refusals, exit codes. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXPORT_SHAPE, IMPORT_SHAPE } from '../../src/formats/summaries.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function recorded(): { readonly directory: string; readonly at: (name: string) => string } {
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  buildCapture(at('md.capture'), {
    connections: ['publisher'],
    steps: [
      { connection: 1, event: 'open', on: 'client' },
      { connection: 1, stream: 'client', bytes: testFrame(1) },
      { connection: 1, stream: 'old', bytes: testFrame(1) },
      { connection: 1, stream: 'new', bytes: testFrame(2) },
    ],
  });
  return { directory, at };
}

describe('export and import', () => {
  it('tell formats by names and beginnings, and the comparison stays the same', () => {
    const { at } = recorded();
    const before = runCli(['diff', at('md.capture'), '--json']).stdout;
    for (const name of ['md.pcapng', 'md.ndjson']) {
      const out = ['export', at('md.capture'), '--out', at(name)];
      const written = runCli(name === 'md.ndjson' ? [...out, '--json'] : out);
      expect(written.exitCode, written.stderr).toBe(0);
      if (name === 'md.ndjson') {
        const summary = EXPORT_SHAPE.parse(JSON.parse(written.stdout));
        expect(summary).toMatchObject({ as: 'ndjson', counts: { chunks: 3, events: 1 } });
        expect(summary.bytes).toBe(readFileSync(at(name)).length);
      } else expect(written.stderr).toMatch(/md\.\w+: 3 |md\.\w+: 1 connections, 3 streams, 3/);
      // Its beginning tells, not its name.
      writeFileSync(at('unnamed'), readFileSync(at(name)));
      const back = temporaryDirectory();
      const into = join(back, 'md.capture');
      const read = runCli(['import', at('unnamed'), '--out', into, '--json']);
      expect(IMPORT_SHAPE.parse(JSON.parse(read.stdout))).toMatchObject({
        as: name.slice(3),
        cutOff: null,
        verdict: 'whole',
        sealed: true,
      });
      expect(read.exitCode).toBe(0);
      expect(readdirSync(back)).toEqual(['md.capture']);
      if (name === 'md.pcapng')
        expect(runCli(['diff', into, '--json']).stdout.replaceAll(back, '')).toBe(
          before.replaceAll(at(''), '/'),
        );
    }
  });

  it('work in a pipe', () => {
    const { at } = recorded();
    const out = ['--out', '-', '--format', 'ndjson'];
    const lines = runCli(['export', at('md.capture'), ...out]);
    expect(lines.stderr).toBe('');
    const into = ['--format', 'ndjson', '--out', at('b.capture')];
    const read = runCli(['import', '-', ...into], lines.stdout);
    expect(read.stderr).toMatch(
      /b.capture: 3 streams of 1 connections, 3 chunks.*verified: whole\n$/,
    );
    expect(read.exitCode).toBe(0);
  });

  it('keep the beginning of a broken file when asked, with exit code 3', () => {
    const { at } = recorded();
    const options = ['--format', 'ndjson', '--out', '-'];
    const lines = runCli(['export', at('md.capture'), ...options]).stdout;
    writeFileSync(at('short.ndjson'), lines.slice(0, -150));
    const refused = runCli(['import', at('short.ndjson'), '--out', at('b.capture')]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(/line \d+: .*; before it stand \d chunks.*\[IMPORT_INVALID\]/);
    expect(refused.stderr).toContain('--keep-partial');
    expect(existsSync(at('b.capture'))).toBe(false);
    const kept = ['import', at('short.ndjson'), '--keep-partial', '--out', at('b.capture')];
    const { exitCode, stderr } = runCli(kept);
    expect(stderr).toMatch(/verified: incomplete\nthe rest is missing: .*line \d+/);
    expect(exitCode).toBe(3);
    expect(runCli(['info', at('b.capture')]).stdout).toMatch(/cut-off +.*line \d+/);
  });

  it('refuse what cannot be, in one line with what to do', () => {
    const { at, directory } = recorded();
    writeFileSync(at('text'), 'no format at all');
    const capture = at('md.capture');
    const refusals: readonly (readonly [readonly string[], RegExp])[] = [
      [['export', capture, '--out', at('md.xyz')], /USAGE[^]*--format: pcapng, ndjson/],
      [['export', capture, '--format', 'ndjson', '--out', '-', '--json'], /USAGE/],
      [['import', '-', '--out', at('x')], /standard input does not tell/],
      [['import', at('text'), '--format', 'pcapng', '--out', at('x')], /byte 0: /],
    ];
    for (const [args, said] of refusals) {
      const { exitCode, stderr, stdout } = runCli(args);
      expect(stderr).toMatch(said);
      expect(stderr).not.toContain('a bug in relaydiff');
      expect(stdout).toBe('');
      expect(exitCode).toBe(2);
    }
    expect(readdirSync(directory).sort()).toEqual(['md.capture', 'text']);
  });
});
