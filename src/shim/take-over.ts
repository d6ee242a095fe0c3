/**
 * Takes the path of a running relay without a moment in which a connect could fail, and gives it back in the
 * same way: the relay's socket gets a second name, the shim's socket is renamed over the first; at the end the
 * second name is renamed over the first again. Clients that are connected to the relay notice nothing.
 *
 * Everything that puts back is synchronous, so that it also happens when the process ends by a mistake.
 */
import { chmodSync, chownSync, linkSync, renameSync, type Stats } from 'node:fs';
import type { Server } from 'node:net';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';
import { isSame, LISTEN_BACKLOG, probe, statOf } from './socket-file.ts';
import { heldByRecorder, removeIfThere, type TakeOverNames } from './take-over-names.ts';
import type { OwnedPath } from './listen-path.ts';

/**
 * Puts the server's socket where the relay's is. What a killed recorder left must have been given back before.
 * Throws RELAY_UNREACHABLE, LISTEN_IN_USE or TAKE_OVER_FAILED; then the path is as it was, and the server is to
 * be closed by the caller.
 */
export async function takeOver(server: Server, names: TakeOverNames): Promise<OwnedPath> {
  const relay = await checkRelaySocket(names.path);
  await bindOwnName(server, names);
  const taken = new TakenPath(names, relay);
  taken.enter();
  return taken;
}

class TakenPath implements OwnedPath {
  readonly #names: TakeOverNames;
  readonly #relay: Stats;
  /** Holds as long as the server listens: only then is the number of the file taken. */
  readonly #ours: Stats | undefined;
  readonly #onExit = (): void => {
    this.#leave();
    removeIfThere(this.#names.own);
  };
  #hasLeft = false;
  #isBack = false;

  constructor(names: TakeOverNames, relay: Stats) {
    this.#names = names;
    this.#relay = relay;
    this.#ours = statOf(names.own);
  }

  /** Clients that connected before the path was given back may still be on their way to the relay. */
  get relayPath(): string {
    return this.#isBack ? this.#names.path : this.#names.side;
  }

  get isOurs(): boolean {
    return isSame(statOf(this.#names.path), this.#ours);
  }

  enter(): void {
    const { path, side, own, entering } = this.#names;
    const made: string[] = [];
    const link = (from: string, to: string): void => {
      linkSync(from, to);
      made.push(to);
    };
    try {
      matchAccess(own, this.#relay);
      link(path, side);
      if (!isSame(statOf(side), this.#relay)) throw new Error('the relay has just made it anew');
      // We have the own name, so nobody else is at work with this one.
      removeIfThere(entering);
      link(own, entering);
      renameSync(entering, path);
      process.once('exit', this.#onExit);
    } catch (error) {
      for (const name of made) removeIfThere(name);
      throw cannotTakeOver(this.#names, error);
    }
  }

  /** Call it while the server is still listening, and let the server accept for a moment longer. */
  async release(): Promise<void> {
    const { path, side } = this.#names;
    this.#leave();
    if (statOf(side) === undefined) return;
    if ((await probe(side)).kind === 'dead') {
      removeIfThere(side);
      return;
    }
    throw new OperatingError(
      'TAKE_OVER_FAILED',
      `${path} was taken away from the recorder, and ${side} leads to a relay that lives; both were left alone`,
      {
        hint: `If ${path} should lead to that relay again: mv ${side} ${path}`,
      },
    );
  }

  /** What is put back is what would be there without us: the relay's socket, whether or not it lives. */
  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    process.off('exit', this.#onExit);
    if (!this.isOurs) return;
    const { path, side } = this.#names;
    try {
      if (!isSame(statOf(side), this.#relay)) {
        throw new Error(`the relay's socket is not at ${side} any more`);
      }
      renameSync(side, path);
      this.#isBack = true;
    } catch (error) {
      throw new OperatingError('TAKE_OVER_FAILED', `cannot put ${path} back: ${String(error)}`, {
        hint: `Clients cannot connect now: mv ${side} ${path}, or restart the relay, which makes its socket anew.`,
        cause: error,
      });
    }
  }
}

async function checkRelaySocket(path: string): Promise<Stats> {
  const found = statOf(path);
  if (found === undefined) throw unreachable(path, 'there is nothing at it');
  if (!found.isSocket()) {
    throw new OperatingError('TAKE_OVER_FAILED', `${path} is no socket`, {
      hint: 'Give --take-over the path that the relay listens at.',
    });
  }
  const answer = await probe(path);
  if (answer.kind === 'dead') throw unreachable(path, 'nobody is listening at it');
  if (answer.kind === 'unknown') throw unreachable(path, answer.code);
  return found;
}

function unreachable(path: string, why: string): OperatingError {
  return new OperatingError('RELAY_UNREACHABLE', `no relay to take over at ${path}: ${why}`, {
    hint: 'Start the old relay first, or correct --take-over.',
  });
}

async function bindOwnName(server: Server, { path, own }: TakeOverNames): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Nobody may connect before the socket has the relay's permissions; binding happens within this call.
    const umask = process.umask(0o177);
    try {
      server.listen({ path: own, backlog: LISTEN_BACKLOG }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  }).catch((error: unknown) => {
    if (systemErrorCode(error) === 'EADDRINUSE') throw heldByRecorder(path);
    throw new OperatingError('TAKE_OVER_FAILED', `cannot listen at ${own}: ${reasonOf(error)}`, {
      hint: `Run relaydiff as a user who may write to the directory of ${path}.`,
      cause: error,
    });
  });
}

/** Whoever may connect to the relay may connect to the shim, and nobody else. */
function matchAccess(own: string, relay: Stats): void {
  const ours = statOf(own);
  if (ours?.uid !== relay.uid || ours.gid !== relay.gid) chownSync(own, relay.uid, relay.gid);
  chmodSync(own, relay.mode & 0o7777);
}

function cannotTakeOver(names: TakeOverNames, cause: unknown): OperatingError {
  const { path, side } = names;
  const hints: Readonly<Record<string, string>> = {
    EEXIST: `Something is at ${side} already; choose another name with --old-aside.`,
    EXDEV: `${side} must be in the same file system as ${path}; a socket that is mounted by itself, as into a container, cannot be taken over inside it.`,
    EBUSY:
      'A socket that is mounted by itself, as into a container, cannot be taken over inside it.',
    EPERM: 'Run relaydiff as the user who owns the relay and its directory, or as root.',
    EACCES: 'Run relaydiff as the user who owns the relay and its directory, or as root.',
  };
  return new OperatingError('TAKE_OVER_FAILED', `cannot take over ${path}: ${String(cause)}`, {
    hint: hints[systemErrorCode(cause) ?? ''] ?? 'Nothing was changed; try again.',
    cause,
  });
}
