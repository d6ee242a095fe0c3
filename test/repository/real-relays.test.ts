/** The committed captures of the real relays say exactly what their pages say. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { DiffResult } from '../../src/diff/types.ts';
import { parseResult } from '../../src/report/result-json.ts';
import { runCli } from '../support/processes.ts';

const DIRECTORY = fileURLToPath(new URL('../../captures/real-relays', import.meta.url));
const names = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith('.capture'))
  .map((name) => name.replace('.capture', ''));

/** The rows of the one table of a page, without head and rule. */
function tableOf(page: string): readonly string[] {
  return page.split('\n').filter((line) => /^\| d\d+ /.test(line));
}

/** What the page must say of a result. */
function rowsOf(result: DiffResult): readonly string[] {
  const labels = new Map(result.connections.map(({ id, label }) => [id, label]));
  const causes = new Map(result.groups.map(({ id, cause }) => [id, cause]));
  const span = (each: { offset: number; length: number } | null): string =>
    each === null ? '-' : `${each.length} at ${each.offset}`;
  return result.divergences.map(
    (each) =>
      `| ${each.id} | ${each.kind} | ${labels.get(each.connection) ?? '?'} | ${each.subject} | ` +
      `${span(each.old)} | ${span(each.new)} | ${causes.get(each.group) ?? '?'} |`,
  );
}

describe('the captures of the real relays', () => {
  it('are at least three, each with its page, none over 1 MiB', () => {
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) {
      expect(statSync(join(DIRECTORY, `${name}.capture`)).size).toBeLessThan(1 << 20);
    }
  });

  it.each(names)('%s shows exactly the divergences of its page, and exits with 1', (name) => {
    const finished = runCli(['diff', join(DIRECTORY, `${name}.capture`), '--json']);
    const result = parseResult(finished.stdout, name);
    const page = readFileSync(join(DIRECTORY, `${name}.md`), 'utf8');
    expect(tableOf(page)).toEqual(rowsOf(result));
    expect(result.verdict).toBe('different');
    expect(finished.exitCode).toBe(1);
    expect(result.divergencesOmitted).toBe(0);
  });
});
