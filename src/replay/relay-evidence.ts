/**
 * What a relay under test was seen to do, and what of it is a failure of the relay, in words. Says nothing of what it
 * answered. Pure.
 */
import { assertNever } from '../lib/assert.ts';
import type { OutputTail } from './output-tail.ts';
import { namesSocket, type RelayCommand } from './relay-command.ts';

/** Once it is gone. */
export interface RelayEvidence {
  /** Why there was no process at all: `ENOENT`, `EACCES`. */
  readonly notStarted: string | undefined;
  /** Both null: there was no process, or nobody could learn how it ended. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Who ended it: the relay itself, before it was told; SIGTERM; SIGKILL, because it did not go. */
  readonly endedBy: 'itself' | 'request' | 'force';
  /** Somebody listened at its socket. */
  readonly listened: boolean;
  /** Other processes of its group, or with its environment, that had to be killed after it. */
  readonly leftBehind: number;
  readonly stdout: OutputTail;
  readonly stderr: OutputTail;
}

/**
 * - `not-started`: there is no such program, or it cannot be run.
 * - `ended-early`: it ended before it listened.      - `never-listened`: it ran, and nobody listened at the socket.
 * - `ended`: it ended while clients were played.     - `hung`: it took nothing, or was not done within a time limit.
 * - `stopped-listening`: it ran on, but nobody could connect any more.
 * - `crashed-at-end`: a signal of its own ended it after SIGTERM.
 * - `never-stopped`: it had to be killed.
 */
export const RELAY_TROUBLES = [
  'not-started',
  'ended-early',
  'never-listened',
  'ended',
  'hung',
  'stopped-listening',
  'crashed-at-end',
  'never-stopped',
] as const;
export type RelayTroubleKind = (typeof RELAY_TROUBLES)[number];

export interface RelayTrouble {
  readonly kind: RelayTroubleKind;
  /** How it ended, or which limit it passed. */
  readonly detail: string;
  readonly hint?: string;
}

export interface RelayLimits {
  readonly command: RelayCommand;
  readonly startMsMax: number;
  readonly stopMsMax: number;
}

/** How a relay may end that was told to. */
const GOOD_SIGNALS: ReadonlySet<NodeJS.Signals | null> = new Set([null, 'SIGTERM', 'SIGKILL']);

/** undefined: it ran for as long as it was wanted, and went when it was told. */
export function relayTroubleOf(
  evidence: RelayEvidence,
  { command, startMsMax, stopMsMax }: RelayLimits,
): RelayTrouble | undefined {
  const { notStarted, endedBy, listened, signal } = evidence;
  if (notStarted !== undefined) {
    const detail = `${command.words[0]}: ${notStarted}`;
    return { kind: 'not-started', detail, hint: 'Is it built, and is the path right?' };
  }
  if (endedBy === 'itself') {
    const hint = 'The command must stay in the foreground; its own words are above.';
    const detail = endWords(evidence);
    return listened ? { kind: 'ended', detail } : { kind: 'ended-early', detail, hint };
  }
  if (!listened) {
    const hint = namesSocket(command)
      ? 'Does it listen at {socket}? --start-limit gives it more time.'
      : 'The command has no {socket}: the relay must listen at $RELAYDIFF_SOCKET.';
    return { kind: 'never-listened', detail: `${startMsMax / 1e3} s`, hint };
  }
  if (endedBy === 'force') return { kind: 'never-stopped', detail: `${stopMsMax / 1e3} s` };
  if (!GOOD_SIGNALS.has(signal)) return { kind: 'crashed-at-end', detail: endWords(evidence) };
  return undefined;
}

/** `exit code 101`, `killed by SIGSEGV`. */
export function endWords({ exitCode, signal }: RelayEvidence): string {
  if (signal !== null) return `killed by ${signal}`;
  return exitCode === null ? 'nobody knows how' : `exit code ${exitCode}`;
}

/** One sentence without its full stop. */
export function wordsOfTrouble({ kind, detail }: RelayTrouble): string {
  switch (kind) {
    case 'not-started':
      return `the relay could not be started (${detail})`;
    case 'ended-early':
      return `the relay ended before it listened (${detail})`;
    case 'never-listened':
      return `nobody listened at the socket within ${detail}, while the relay ran`;
    case 'ended':
      return `the relay ended while clients were played (${detail})`;
    case 'hung':
      return `the relay hung: ${detail}`;
    case 'stopped-listening':
      return 'the relay ran on, but closed its socket while clients were played';
    case 'crashed-at-end':
      return `the relay crashed when it was told to stop (${detail})`;
    case 'never-stopped':
      return `the relay did not end within ${detail} of SIGTERM, and was killed`;
    default:
      return assertNever(kind, 'trouble');
  }
}
