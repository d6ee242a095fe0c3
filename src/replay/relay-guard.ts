/**
 * A process beside the relay under test that outlives this one: when this one is gone, however it ended, it kills what is
 * left of the relay and removes its directories.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Waits until this process is gone, for whatever reason, and then kills the relay's group. It is killed itself before
 * that group is no longer the relay's.
 */
const GUARD = 'read -r _; kill -s KILL -- "-$1" 2>/dev/null; shift; rm -rf -- "$@"';

/** Where there is no shell, SIGKILL of this process leaves the relay behind; everything else does not. */
export function startGuard(
  pid: number | undefined,
  directories: readonly string[],
): ChildProcess | undefined {
  if (pid === undefined) return undefined;
  const guard = spawn('/bin/sh', ['-c', GUARD, 'relaydiff-guard', String(pid), ...directories], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return guard;
}
