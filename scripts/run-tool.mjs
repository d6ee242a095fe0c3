/**
 * Runs a TypeScript tool of this repository (benchmarks, fuzzing) on the built product: `node scripts/run-tool.mjs
 * FILE.ts [arguments]`. The tool imports from src/, for its types; what runs is dist/, as users run it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [entry, ...args] = process.argv.slice(2);

const productFromDist = {
  name: 'product-from-dist',
  setup(builder) {
    builder.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, resolveDir }) => {
      const inSources = relative(join(root, 'src'), resolve(resolveDir, path));
      if (inSources.startsWith('..')) return undefined;
      const built = join(root, 'dist', inSources.replace(/\.ts$/, '.js'));
      return { path: pathToFileURL(built).href, external: true };
    });
    // The bundle lies elsewhere, and so would look for packages elsewhere.
    builder.onResolve({ filter: /^[a-z@]/ }, ({ path }) => {
      return { path: import.meta.resolve(path), external: true };
    });
    // Each module finds its fixtures beside its source, not beside the bundle.
    builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const url = JSON.stringify(pathToFileURL(path).href);
      const contents = readFileSync(path, 'utf8').replaceAll('import.meta.url', url);
      return { contents, loader: 'ts' };
    });
  },
};

const directory = mkdtempSync(join(tmpdir(), 'relaydiff-tool-'));
try {
  const outfile = join(directory, 'tool.mjs');
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [productFromDist],
    logLevel: 'warning',
  });
  process.argv.splice(1, process.argv.length - 1, join(root, entry), ...args);
  await import(pathToFileURL(outfile).href);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
