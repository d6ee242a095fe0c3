/**
 * Builds dist/: the TypeScript of src/ with tsc, the page of the report with esbuild, and what is checked
 * of the schemas. `--if-stale` does nothing when dist/ is newer than every source.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist', '.built');
const PAGE_ENTRY = join(root, 'src', 'report', 'page', 'main.tsx');

function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

function isFresh() {
  if (!existsSync(stamp)) return false;
  const inputs = [
    'src',
    'schemas/protocol',
    'scripts/build.mjs',
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
  ];
  return inputs.every((input) => newestMs(join(root, input)) < statSync(stamp).mtimeMs);
}

async function buildPage() {
  if (!existsSync(PAGE_ENTRY)) return;
  const { build } = await import('esbuild');
  await build({
    entryPoints: [PAGE_ENTRY],
    outdir: join(root, 'dist', 'report', 'page'),
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.css': 'css' },
    legalComments: 'none',
    logLevel: 'warning',
  });
}

if (!(process.argv.includes('--if-stale') && isFresh())) {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    stdio: 'inherit',
  });
  await buildPage();
  mkdirSync(join(root, 'dist'), { recursive: true });
  const { checkedSchemas } = await import(join(root, 'dist', 'protocol', 'files.js'));
  writeFileSync(join(root, 'dist', 'checked-schemas.json'), JSON.stringify(checkedSchemas()));
  const cli = join(root, 'dist', 'cli', 'main.js');
  if (existsSync(cli)) chmodSync(cli, 0o755);
  writeFileSync(stamp, '');
}
