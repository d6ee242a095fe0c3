/**
 * Owns a path in the file system as a listening Unix socket: takes it without a moment in which nobody
 * listens, never from somebody who does, and gives it back only while it is still ours.
 *
 * Node unlinks the path that a server was bound to when the server closes, whoever has it by then. So the
 * server is bound to a temporary name, and that name is moved onto the path.
 */
import { linkSync, lstatSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';
import { isSame, LISTEN_BACKLOG, probe, SOCKET_PATH_BYTES_MAX, statOf } from './socket-file.ts';
import { ownNameOf } from './take-over-names.ts';

export interface OwnedPath {
  /** Whether the path still leads to our socket. To be asked while the server is listening. */
  readonly isOurs: boolean;
  /** Where the relay's socket is that had the path, or has it again; undefined when nobody had it. */
  readonly relayPath: string | undefined;
  /**
   * Lets go of the path if it still leads to our socket, so that from now on it leads to what was there before.
   * Call it while the server is still listening. Throws TAKE_OVER_FAILED.
   */
  release(): Promise<void>;
}

/**
 * Binds the server to `path`. Throws LISTEN_IN_USE when somebody listens there, TAKE_OVER_FAILED when a killed
 * recorder has to give it back first, LISTEN_FAILED otherwise.
 */
export async function listenAt(server: Server, path: string): Promise<OwnedPath> {
  const temporary = `${path}.${process.pid}.tmp`;
  checkLength(path, temporary);
  const found = statOf(path);
  if (found !== undefined) await checkReplaceable(path, found);
  await bind(server, temporary, path);
  const ours = lstatSync(temporary);
  await moveOnto(temporary, path, found);
  return {
    get isOurs() {
      return isSame(statOf(path), ours);
    },
    relayPath: undefined,
    release: async () => {
      if (isSame(statOf(path), ours)) unlinkSync(path);
    },
  };
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
  const answer = await probe(path);
  if (answer.kind !== 'dead') {
    throw new OperatingError('LISTEN_IN_USE', `somebody is listening at ${path}`, {
      hint: 'Choose another path for --listen, or stop the program that listens there.',
      cause: answer,
    });
  }
  if (!isSame(found, statOf(ownNameOf(path)))) return;
  throw new OperatingError(
    'TAKE_OVER_FAILED',
    `a recorder that was killed had taken over ${path} from a relay`,
    { hint: `Give it back first: relaydiff release ${path}` },
  );
}

async function bind(server: Server, temporary: string, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: temporary, backlog: LISTEN_BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    throw new OperatingError('LISTEN_FAILED', `cannot listen at ${path}: ${reasonOf(error)}`, {
      hint: 'Check that the directory exists and that you may write to it.',
      cause: error,
    });
  });
}

/** A fresh path is linked, which fails if somebody was faster; a stale socket is moved aside first. */
async function moveOnto(temporary: string, path: string, stale: Stats | undefined): Promise<void> {
  try {
    if (stale !== undefined) await removeStale(path, stale);
    linkSync(temporary, path);
    unlinkSync(temporary);
  } catch (error) {
    if (error instanceof OperatingError) throw error;
    if (systemErrorCode(error) === 'EEXIST') throw takenMeanwhile(path, error);
    throw new OperatingError('LISTEN_FAILED', `cannot listen at ${path}: ${reasonOf(error)}`, {
      hint: 'Check that you may write to the directory.',
      cause: error,
    });
  }
}

/** Makes sure that what is removed is what was found stale, and still is, and puts back what is not. */
async function removeStale(path: string, stale: Stats): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  renameSync(path, aside);
  // The number alone does not tell: the system gives that of a removed file to the next one.
  if (!isSame(lstatSync(aside), stale) || (await probe(aside)).kind !== 'dead') {
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
