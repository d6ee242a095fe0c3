/**
 * Owns a path in the file system as a listening Unix socket: takes it without a moment in which nobody
 * listens, never from somebody who does, and gives it back only while it is still ours.
 *
 * Node unlinks the path that a server was bound to when the server closes, whoever has it by then. So the
 * server is bound to a temporary name, and that name is moved onto the path.
 */
import { linkSync, lstatSync, renameSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { OperatingError, systemErrorCode } from '../lib/operating-error.ts';

/** sun_path holds 108 bytes on Linux, a closing zero included. */
const SOCKET_PATH_BYTES_MAX = 107;

export interface OwnedPath {
  /** Removes the path if it still leads to our socket. Call it while the server is still listening. */
  release(): void;
}

/** Binds the server to `path`. Throws LISTEN_IN_USE when somebody listens there, LISTEN_FAILED otherwise. */
export async function listenAt(server: Server, path: string): Promise<OwnedPath> {
  const temporary = `${path}.${process.pid}.tmp`;
  checkLength(path, temporary);
  const found = statOf(path);
  if (found !== undefined) await checkReplaceable(path, found);
  await bind(server, temporary, path);
  const ours = lstatSync(temporary);
  moveOnto(temporary, path, found);
  return { release: () => releasePath(path, ours) };
}

/** Whether somebody accepts connections at the path. */
export async function isListening(path: string): Promise<boolean> {
  return (await tryConnect(path)) === 'accepted';
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

/** `accepted`, or the code of the refusal. */
async function tryConnect(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('accepted');
    });
    socket.once('error', (error) => resolve(systemErrorCode(error) ?? error.message));
  });
}

function checkLength(path: string, temporary: string): void {
  const bytes = Buffer.byteLength(temporary);
  if (bytes <= SOCKET_PATH_BYTES_MAX) return;
  throw new OperatingError('LISTEN_FAILED', `the socket path ${path} is too long`, {
    hint: `Use a path of at most ${SOCKET_PATH_BYTES_MAX - (bytes - Buffer.byteLength(path))} bytes: the system's limit is ${SOCKET_PATH_BYTES_MAX}.`,
  });
}

async function checkReplaceable(path: string, found: Stats): Promise<void> {
  if (!found.isSocket()) {
    throw new OperatingError('LISTEN_FAILED', `${path} exists and is no socket`, {
      hint: 'Choose another path for --listen, or remove the file yourself.',
    });
  }
  const answer = await tryConnect(path);
  // Only this refusal proves that nobody has the socket: a busy listener, or one of another type, answers else.
  if (answer === 'ECONNREFUSED') return;
  throw new OperatingError('LISTEN_IN_USE', `somebody is listening at ${path}`, {
    hint: 'Choose another path for --listen, or stop the program that listens there.',
    cause: answer,
  });
}

async function bind(server: Server, temporary: string, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(temporary, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    throw new OperatingError('LISTEN_FAILED', `cannot listen at ${path}: ${String(error)}`, {
      hint: 'Check that the directory exists and that you may write to it.',
      cause: error,
    });
  });
}

/** A fresh path is linked, which fails if somebody was faster; a stale socket is moved aside first. */
function moveOnto(temporary: string, path: string, stale: Stats | undefined): void {
  try {
    if (stale !== undefined) removeStale(path, stale);
    linkSync(temporary, path);
    unlinkSync(temporary);
  } catch (error) {
    if (error instanceof OperatingError) throw error;
    if (systemErrorCode(error) === 'EEXIST') throw takenMeanwhile(path, error);
    throw new OperatingError('LISTEN_FAILED', `cannot listen at ${path}: ${String(error)}`, {
      hint: 'Check that you may write to the directory.',
      cause: error,
    });
  }
}

/** Makes sure that what is removed is what was found stale, and puts back what is not. */
function removeStale(path: string, stale: Stats): void {
  const aside = `${path}.${process.pid}.stale`;
  renameSync(path, aside);
  if (!isSame(lstatSync(aside), stale)) {
    linkSync(aside, path);
    unlinkSync(aside);
    throw takenMeanwhile(path, undefined);
  }
  unlinkSync(aside);
}

function takenMeanwhile(path: string, cause: unknown): OperatingError {
  return new OperatingError('LISTEN_IN_USE', `${path} was taken by somebody else just now`, {
    hint: 'Is another relaydiff starting at the same path?',
    cause,
  });
}

function isSame(left: Stats, right: Stats): boolean {
  return left.dev === right.dev && left.ino === right.ino;
}

function releasePath(path: string, ours: Stats): void {
  const found = statOf(path);
  if (found !== undefined && isSame(found, ours)) unlinkSync(path);
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new OperatingError('LISTEN_FAILED', `cannot look at ${path}: ${String(error)}`, {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  }
}
