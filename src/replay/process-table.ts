/**
 * Which processes are there, as Linux tells it in /proc; elsewhere nothing is known, and `undefined` is the answer. For
 * finding what a relay under test has left behind.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Those of a process group that are not dead already. Only who reaps a dead one can make it go. */
export function livingInGroup(group: number): readonly number[] | undefined {
  return pids()?.filter((pid) => {
    const stat = textOf(`/proc/${pid}/stat`);
    // The name may hold blanks and brackets; what follows it does not.
    const [state, , processGroup] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
    return Number(processGroup) === group && state !== 'Z' && state !== 'X';
  });
}

/** Those that were started with this in their environment, whatever group or session they have made themselves. */
export function livingWith(assignment: string): readonly number[] {
  const found = pids()?.filter((pid) =>
    textOf(`/proc/${pid}/environ`)?.split('\0').includes(assignment),
  );
  return found ?? [];
}

function pids(): readonly number[] | undefined {
  if (process.platform !== 'linux') return undefined;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** A process may end, or belong to somebody else. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
