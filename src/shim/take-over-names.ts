/**
 * The names around a path that a recorder takes over, and giving the path back after a recorder that could
 * not do so itself. A name is changed only while it is what it was found to be, and never one behind which
 * somebody lives who is not the relay that belongs there.
 */
import { linkSync, realpathSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { OperatingError, systemErrorCode } from '../lib/operating-error.ts';
import { isSame, probe, SOCKET_PATH_BYTES_MAX, statOf } from './socket-file.ts';
import { judgeLeftOvers, type NameFact, type Situation } from './take-over-state.ts';

export interface TakeOverNames {
  /** What clients connect to; of a symbolic link, what it leads to. */
  readonly path: string;
  /** Where the relay's socket is meanwhile. */
  readonly side: string;
  /** What the shim's socket is bound to. */
  readonly own: string;
  /** The shim's socket on its way to the path; exists for an instant. */
  readonly entering: string;
}

/** What a shim that takes over the path is bound to. */
export function ownNameOf(path: string): string {
  return `${path}.relaydiff-shim`;
}

/** `aside`: a name beside the path, or a path in the same file system. Throws TAKE_OVER_FAILED. */
export function takeOverNames(given: string, aside: string | undefined): TakeOverNames {
  const path = realPath(given);
  const directory = dirname(path);
  const side = aside === undefined ? `${path}.relaydiff-old` : resolve(directory, aside);
  const names = {
    path,
    side,
    own: ownNameOf(path),
    entering: `${path}.relaydiff-new`,
  };
  for (const name of [names.own, names.entering, side]) checkLength(name, path);
  if (new Set(Object.values(names)).size < 4) {
    throw new OperatingError('TAKE_OVER_FAILED', `--old-aside ${side} is already in use here`, {
      hint: 'Choose a name that is neither the path itself nor one that ends in .relaydiff-shim or .relaydiff-new.',
    });
  }
  return names;
}

/** The directory must exist; the path itself may be missing, or lead elsewhere. */
function realPath(given: string): string {
  try {
    return realpathSync(given);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw cannotLook(given, error);
  }
  try {
    return join(realpathSync(dirname(given)), basename(given));
  } catch (error) {
    throw cannotLook(given, error);
  }
}

function cannotLook(path: string, cause: unknown): OperatingError {
  return new OperatingError('TAKE_OVER_FAILED', `cannot look at ${path}: ${String(cause)}`, {
    hint: 'Check the path and its permissions.',
    cause,
  });
}

function checkLength(name: string, path: string): void {
  const excessBytes = Buffer.byteLength(name) - SOCKET_PATH_BYTES_MAX;
  if (excessBytes <= 0) return;
  throw new OperatingError(
    'TAKE_OVER_FAILED',
    `${name} is too long for a socket: the system allows ${SOCKET_PATH_BYTES_MAX} bytes`,
    {
      hint: `Reach the directory of ${path} by a mount or a name that is ${excessBytes} bytes shorter, or shorten --old-aside.`,
    },
  );
}

/** What was found, for comparing again before anything is changed. */
export interface Finding {
  readonly names: TakeOverNames;
  readonly situation: Situation;
  readonly stats: Readonly<Record<'path' | 'side' | 'own', Stats | undefined>>;
}

/** Connects once to each socket whose owner is not known otherwise; to none when no recorder left a trace. */
export async function lookAtNames(names: TakeOverNames): Promise<Finding> {
  const stats = { path: statOf(names.path), side: statOf(names.side), own: statOf(names.own) };
  if (stats.own === undefined && stats.side === undefined) {
    return { names, stats, situation: { kind: 'free' } };
  }
  const own = await factOf(names.own, stats.own);
  if (own === 'listening') return { names, stats, situation: { kind: 'held' } };
  const pathIsOwn = isSame(stats.path, stats.own);
  const pathIsSide = isSame(stats.path, stats.side);
  const path = pathIsOwn ? own : await factOf(names.path, stats.path);
  const side = pathIsSide ? path : await factOf(names.side, stats.side);
  const situation = judgeLeftOvers({ path, side, own, pathIsOwn, pathIsSide });
  return { names, stats, situation };
}

async function factOf(name: string, stats: Stats | undefined): Promise<NameFact> {
  if (stats === undefined) return 'absent';
  if (!stats.isSocket()) return 'other';
  const answer = await probe(name);
  return answer.kind === 'unknown' ? 'other' : answer.kind;
}

/**
 * Does what the situation asks for, and says what it did; undefined when there was nothing to do. Throws
 * LISTEN_IN_USE when a recorder lives, TAKE_OVER_FAILED when it must not or cannot be done.
 */
export function giveBack(finding: Finding): string | undefined {
  const { names, situation } = finding;
  switch (situation.kind) {
    case 'free':
      return undefined;
    case 'held':
      throw heldByRecorder(names.path);
    case 'put-back':
      checkUnchanged(finding);
      changing(names, () => putBack(finding));
      return `a recorder that was killed had left ${names.path} to nobody: the relay's socket is back there from ${names.side}${
        situation.relayLives ? '' : ', but nobody is listening at it: start the relay'
      }`;
    case 'tidy':
      checkUnchanged(finding);
      changing(names, () => removeLeftOvers(finding, situation.removeSide));
      return `removed what a recorder that was killed had left beside ${names.path}, which is as the relay left it`;
    case 'lost':
      throw new OperatingError(
        'TAKE_OVER_FAILED',
        `${names.path} was left by a recorder that was killed, and the relay's socket is not at ${names.side}`,
        {
          hint: 'If that recorder was started with --old-aside, give the same name; otherwise restart the relay, which makes its socket anew.',
        },
      );
    case 'unclear':
      throw unclear(names);
  }
}

export function heldByRecorder(path: string): OperatingError {
  return new OperatingError('LISTEN_IN_USE', `a recorder that is running has taken over ${path}`, {
    hint: 'Stop that recorder with SIGINT or SIGTERM; it puts the path back itself.',
  });
}

function unclear({ path, side, own }: TakeOverNames): OperatingError {
  return new OperatingError(
    'TAKE_OVER_FAILED',
    `${side} or ${own} was left beside ${path}, and who they belong to is not clear; nothing was changed`,
    {
      hint: `See with "ss -xlp" who listens there; keep the socket of the relay as ${path}, remove the others, or choose another --old-aside.`,
    },
  );
}

/** The sockets were asked one after the other; what is done now happens in one go. */
function checkUnchanged({ names, stats }: Finding): void {
  for (const name of ['path', 'side', 'own'] as const) {
    const found = statOf(names[name]);
    if (found === stats[name] || isSame(found, stats[name])) continue;
    throw new OperatingError('TAKE_OVER_FAILED', `${names[name]} has just changed hands`, {
      hint: 'Is the relay restarting, or another relaydiff at work? Try again.',
    });
  }
}

function putBack({ names, stats }: Finding): void {
  if (stats.path === undefined) {
    // Unlike a rename this fails when somebody was faster.
    linkSync(names.side, names.path);
    unlinkSync(names.side);
  } else {
    renameSync(names.side, names.path);
  }
  removeIfThere(names.own);
  removeIfThere(names.entering);
}

function removeLeftOvers({ names }: Finding, removeSide: boolean): void {
  if (removeSide) removeIfThere(names.side);
  removeIfThere(names.own);
  removeIfThere(names.entering);
}

function changing(names: TakeOverNames, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new OperatingError(
      'TAKE_OVER_FAILED',
      `cannot give ${names.path} back: ${String(error)}`,
      { hint: 'Do it as the user who owns the directory and the relay.', cause: error },
    );
  }
}

export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
