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

/**
 * Whether every thread of these processes waits for something. A write that a sleeping thread waits for makes it runnable
 * before the write returns, so who is found asleep after it has had its turn. Threads are looked at one after the other, and
 * one may wake another that was found asleep before, and sleep when its own turn comes. So all are looked at twice; who
 * slept both times and was never given the processor meanwhile slept all the time between. undefined: nobody can know.
 */
export function isAsleep(processes: readonly number[]): boolean | undefined {
  if (process.platform !== 'linux') return undefined;
  const threads = processes.flatMap(threadsOf);
  const turns = threads.map(turnsOf);
  if (threads.some(isRunnable) || threads.some(isRunnable)) return false;
  return isEqual(threads.map(turnsOf), turns) && isEqual(processes.flatMap(threadsOf), threads);
}

function threadsOf(pid: number): readonly string[] {
  try {
    const directory = `/proc/${pid}/task`;
    return readdirSync(directory).map((thread) => `${directory}/${thread}`);
  } catch {
    return [];
  }
}

/** How often it was given the processor; undefined where the kernel does not count it. */
function turnsOf(thread: string): string | undefined {
  return textOf(`${thread}/schedstat`)?.split(' ')[2];
}

/** Running, or waiting for a disk, which it does not do for long. */
function isRunnable(thread: string): boolean {
  const stat = textOf(`${thread}/stat`);
  const state = stat?.charAt(stat.lastIndexOf(')') + 2);
  return state === 'R' || state === 'D';
}

function isEqual<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
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
