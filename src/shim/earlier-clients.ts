/**
 * How many clients a relay has before its path is taken over. Those stay with it, so the new relay never hears what
 * they send. Read from the system's table of sockets: a help for the operator, not a promise.
 */
import { readFileSync } from 'node:fs';

const LISTENS_FLAG = 0x10000;
const CONNECTED_STATE = '03';

/** undefined when the table is not there (it is on Linux), or does not know a listener by this path. */
export function countEarlierClients(path: string): number | undefined {
  try {
    return connectedAt(readFileSync('/proc/net/unix', 'utf8'), path);
  } catch {
    return undefined;
  }
}

/** The lines of /proc/net/unix: slot, references, protocol, flags, type, state, inode, path as it was bound. */
export function connectedAt(table: string, path: string): number | undefined {
  const rows = table
    .split('\n')
    .map((line) => /^(?:\S+ +){3}(\S+) +\S+ +(\S+) +\d+ (.*)$/.exec(line));
  const bound = rows.filter((row) => row?.[3] === path);
  const isListening = bound.some((row) => (parseInt(row?.[1] ?? '0', 16) & LISTENS_FLAG) !== 0);
  if (!isListening) return undefined;
  return bound.filter((row) => row?.[2] === CONNECTED_STATE).length;
}
