/** The dependency direction of docs/ARCHITECTURE.md, and where each outside thing may be touched. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = join(ROOT, 'src');

interface Import {
  readonly file: string;
  readonly part: string;
  readonly target: string;
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return filesBelow(path);
    return /\.tsx?$/.test(name) ? [path] : [];
  });
}

function partOf(path: string): string {
  return relative(SOURCES, path).split('/')[0] ?? '';
}

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(file, 'utf8');
  const pattern = /(?:\bfrom|^import|\bimport\()\s*['"]([^'"]+)['"]/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    file: relative(ROOT, file),
    part: partOf(file),
    target: match[1] ?? '',
  }));
}

/** The rows `| part | may import |` of the import table. */
function readTable(): ReadonlyMap<string, ReadonlySet<string>> {
  const text = readFileSync(join(ROOT, 'docs', 'ARCHITECTURE.md'), 'utf8');
  const section = text.split('<!-- import table -->')[1] ?? '';
  const rows = [...section.matchAll(/^\| `(\w+)` \|[^|]*\| ([^|]*) \|$/gm)];
  return new Map(
    rows.map(([, part = '', allowed = '']) => [
      part,
      new Set([...allowed.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '')),
    ]),
  );
}

const table = readTable();
const imports = filesBelow(SOURCES).flatMap(importsOf);

describe('the import table', () => {
  it('names every part of src/, and no other', () => {
    expect([...table.keys()].sort()).toEqual(readdirSync(SOURCES).sort());
  });

  it('is kept by every import', () => {
    expect(imports.length).toBeGreaterThan(100);
    const broken = imports
      .filter(({ target }) => target.startsWith('.'))
      .map((each) => ({ ...each, to: partOf(join(ROOT, dirname(each.file), each.target)) }))
      .filter(({ part, to }) => part !== to && table.get(part)?.has(to) !== true)
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(broken).toEqual([]);
  });

  it('has no cycle', () => {
    const visit = (part: string, path: readonly string[]): void => {
      expect(path).not.toContain(part);
      for (const next of table.get(part) ?? []) visit(next, [...path, part]);
    };
    for (const part of table.keys()) visit(part, []);
  });
});

describe('what touches the outside', () => {
  const usersOf = (...modules: readonly string[]): readonly string[] =>
    [
      ...new Set(imports.filter(({ target }) => modules.includes(target)).map(({ file }) => file)),
    ].sort();

  it('keeps SQLite in the capture part', () => {
    expect(usersOf('better-sqlite3').every((file) => file.startsWith('src/capture/'))).toBe(true);
  });

  it('keeps sockets in few files', () => {
    expect(usersOf('node:net', 'node:http')).toEqual([
      'src/monitor/health-server.ts',
      'src/replay/replay-client.ts',
      'src/shim/entrance.ts',
      'src/shim/listen-path.ts',
      'src/shim/shim.ts',
      'src/shim/socket-file.ts',
      'src/shim/sockets.ts',
      'src/shim/take-over.ts',
      'src/shim/tap-feed.ts',
      'src/shim/tap-sockets.ts',
      'src/simulate/client.ts',
      'src/simulate/relay.ts',
    ]);
  });

  it('keeps threads where they are started', () => {
    expect(usersOf('node:worker_threads')).toEqual([
      'src/golden/judge-thread.ts',
      'src/golden/judge.worker.ts',
      'src/monitor/monitor-thread.ts',
      'src/monitor/monitor.worker.ts',
      'src/shim/writer-thread.ts',
      'src/shim/writer.worker.ts',
    ]);
  });

  it('keeps wire, and the core of protocol and diff, free of I/O', () => {
    const outside = ['node:fs', 'node:net', 'node:child_process', 'node:worker_threads'];
    const users = usersOf(...outside).filter((file) =>
      /^src\/(lib|wire|protocol|diff|inspect)\//.test(file),
    );
    expect(users).toEqual(['src/protocol/files.ts']);
  });
});
