/**
 * Looking at a name in the file system that may lead to a Unix socket, without changing anything: what is
 * there, whether it is the same as something else, and whether anybody answers behind it.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { connect } from 'node:net';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';

/** sun_path holds 108 bytes on Linux, a closing zero included. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** What a listener lets wait; the system has a limit of its own (net.core.somaxconn). Node's own default is 511. */
export const LISTEN_BACKLOG = 4_096;

/**
 * - `listening`: somebody accepts, or would if its queue were not full.
 * - `dead`: the only refusal that proves that nobody has the socket.
 * - otherwise the code of the failure: no such file, no permission, a socket of another type.
 */
export type Answer =
  | { readonly kind: 'listening' }
  | { readonly kind: 'dead' }
  | { readonly kind: 'unknown'; readonly code: string };

/** Connects and hangs up: whoever listens sees a client that says nothing. */
export async function probe(path: string): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve({ kind: 'listening' });
    });
    socket.once('error', (error) => resolve(answerOf(systemErrorCode(error) ?? error.message)));
  });
}

function answerOf(code: string): Answer {
  if (code === 'EAGAIN') return { kind: 'listening' };
  if (code === 'ECONNREFUSED') return { kind: 'dead' };
  return { kind: 'unknown', code };
}

export async function isListening(path: string): Promise<boolean> {
  return (await probe(path)).kind === 'listening';
}

/** What the name leads to, links not followed; undefined when there is nothing. Throws LISTEN_FAILED. */
export function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new OperatingError('LISTEN_FAILED', `cannot look at ${path}: ${reasonOf(error)}`, {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  }
}

/**
 * Whether two names lead to one file. Only true to be trusted while something holds the file: a name, or the
 * socket that was bound to it. The system gives the number of a file that is gone to the next one.
 */
export function isSame(left: Stats | undefined, right: Stats | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  return left.dev === right.dev && left.ino === right.ino;
}

/** By option name. Throws USAGE when two of the paths lead to one socket, whatever they are called. */
export function checkDifferent(paths: Readonly<Record<string, string>>): void {
  const options = Object.keys(paths);
  const identities = new Set(Object.values(paths).map(identityOf));
  if (identities.size === options.length) return;
  const last = options.pop();
  const message = `${options.join(', ')} and ${last} must be different sockets`;
  throw new OperatingError('USAGE', message, {
    hint: 'The same socket twice would hear everything twice, or talk to itself.',
  });
}

function identityOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? path : `${found.dev}:${found.ino}`;
}
