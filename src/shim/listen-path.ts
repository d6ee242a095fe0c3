/**
 * Owns a path in the file system as a listening Unix socket: takes it without a moment in which nobody
 * listens, never from somebody who does, and gives it back only while it is still ours.
 *
 * Node unlinks the path that a server was bound to when the server closes, whoever has it by then. So the
 * server is bound to a temporary name, and that name is moved onto the path.
 */
import { linkSync, lstatSync, renameSync, type Stats, unlinkSync } from 'node:fs';
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
  moveOnto(temporary, path, found !== undefined);
  return { release: () => releasePath(path, ours) };
}

/** Whether somebody accepts connections at the path. */
export async function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
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
  if (await isListening(path)) {
    throw new OperatingError('LISTEN_IN_USE', `somebody is listening at ${path}`, {
      hint: 'Choose another path for --listen, or stop the program that listens there.',
    });
  }
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

/** A stale socket is replaced in one step; a fresh path is linked, which fails if somebody was faster. */
function moveOnto(temporary: string, path: string, replace: boolean): void {
  try {
    if (replace) renameSync(temporary, path);
    else {
      linkSync(temporary, path);
      unlinkSync(temporary);
    }
  } catch (error) {
    throw new OperatingError('LISTEN_IN_USE', `${path} was taken by somebody else just now`, {
      hint: 'Is another relaydiff starting at the same path?',
      cause: error,
    });
  }
}

function releasePath(path: string, ours: Stats): void {
  const found = statOf(path);
  if (found !== undefined && found.dev === ours.dev && found.ino === ours.ino) unlinkSync(path);
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
