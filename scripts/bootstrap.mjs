/**
 * Makes a fresh clone ready: installs the packages of the lock file when they are not there, and builds when
 * the sources are newer than the build. Runs before `npm run demo` and `npm test`, so that each of them is
 * the only command a newcomer needs. Uses nothing but Node and npm.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installed = join(root, 'node_modules', '.package-lock.json');
const wanted = join(root, 'package-lock.json');
const ALIVE_EVERY_MS = 15_000;

function isInstalled() {
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs;
}

/** Runs a command to its end. Where its own progress does not show, says now and then that it is still at it. */
async function run(what, command, args, env = {}) {
  const startMs = Date.now();
  const sayAlive = () => {
    console.error(`... still ${what} (${Math.round((Date.now() - startMs) / 1_000)} s)`);
  };
  const timer = process.stderr.isTTY ? undefined : setInterval(sayAlive, ALIVE_EVERY_MS);
  try {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${what} failed with exit code ${code}`);
  } finally {
    clearInterval(timer);
  }
}

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(`relaydiff needs Node 20 or newer; this is ${process.versions.node}.`);
  process.exit(2);
}
try {
  if (!isInstalled()) {
    console.error('installing packages (about two minutes where SQLite must be compiled) ...');
    // Not `npm ci`: it refuses lock files that were written where packages of other platforms were out of
    // reach. The versions are those of the lock file all the same, and it is left as it is.
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
    // All cores for the one package that may need compiling.
    await run('installing', 'npm', ['install', '--no-save', ...quiet], { JOBS: 'max' });
  }
  if (!existsSync(join(root, 'dist', '.built'))) console.error('building ...');
  await run('building', process.execPath, [join(root, 'scripts', 'build.mjs'), '--if-stale']);
} catch (error) {
  console.error(`relaydiff could not be made ready: ${error.message}`);
  console.error(
    'The lines above say why. Packages with native code need python3, make and a C++ compiler',
  );
  console.error('where no prebuilt file exists for this machine.');
  process.exit(1);
}
