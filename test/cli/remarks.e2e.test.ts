/** Remarks on the command line: shown unless they are hidden, by `diff` and by `report`, in every form. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseResult } from '../../src/report/result-json.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

it('shows remarks in summary, result and page, hides all of them, and keeps verdict and exit code', () => {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  const bytes = testFrame(1, { valueBytes: 40, checksum: 'zero' });
  buildCapture(path('a.capture'), {
    connections: ['publisher'],
    steps: (['client', 'old', 'new'] as const).map((stream) => ({ connection: 1, stream, bytes })),
  });
  const files = ['--html', path('page.html'), '--result', path('result.json')];
  const shown = runCli(['diff', path('a.capture'), ...files]);
  expect(shown).toMatchObject({ exitCode: 0 });
  expect(shown.stdout).toMatch(/Remarks .*zero-checksum +1 old +1 new +Trade/);
  const result = readFileSync(path('result.json'), 'utf8');
  expect(parseResult(result, 'result.json').remarks).toMatchObject([
    { kind: 'zero-checksum', subject: 'Trade', old: 1, new: 1 },
    { kind: 'unknown-enum-number' },
    { kind: 'non-zero-padding' },
  ]);
  const page = readFileSync(path('page.html'), 'utf8');

  const again = runCli(['report', path('result.json'), '--html', path('again.html')]);
  expect(again.stdout.replace('again', 'page')).toBe(shown.stdout);
  expect(readFileSync(path('again.html'), 'utf8')).toBe(page);

  const hidden = ['--remarks', 'hide', '--html', path('hidden.html')];
  const rendered = runCli(['report', path('result.json'), ...hidden]);
  expect(rendered).toMatchObject({ exitCode: 0 });
  expect(rendered.stdout).not.toContain('Remarks');
  expect(readFileSync(path('hidden.html'), 'utf8').length).toBeLessThan(page.length);
  const compared = runCli(['diff', path('a.capture'), '--remarks', 'hide', '--json']);
  expect(compared).toMatchObject({ exitCode: 0 });
  expect(compared.stdout).not.toMatch(/remarks|checksum/);
  expect(runCli(['diff', path('a.capture'), '--remarks', 'maybe'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('Allowed choices are show, hide'),
  });
});
