/**
 * What a replay needs, made from what somebody asked for in words: dialects, pace, pieces, and the notes that the new
 * capture carries. Shared by every verb that replays, so that the same words play the same bytes everywhere. Opens nothing.
 */
import { basename } from 'node:path';
import { chunksIn, runsOf } from '../capture/chunk-runs.ts';
import { redactedNote } from '../capture/redaction-note.ts';
import { REPLAY_ORIGIN, REWRITE_NOTE } from '../capture/replay-notes.ts';
import type { CaptureReader, Side } from '../capture/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { Protocol } from '../protocol/load.ts';
import type { Dialect } from '../protocol/types.ts';
import { parseChunking, pieceMakerOf } from './chunking.ts';
import type { Mode } from './pace.ts';
import type { ReplayOptions } from './replay.ts';
import {
  parseRewrite,
  rewriteAll,
  rewriteChunks,
  type RewriteFrame,
  rewriteNumbering,
  type RewriteRequest,
  rewriteSequence,
  rewriteTimestamps,
} from './rewrite.ts';
import type { PieceMaker } from './schedule.ts';

export const SPEED_MIN = 0.1;
export const SPEED_MAX = 1_000;
export const DEFAULT_PATIENCE_MS = 5_000;

/** How a capture is played, in the words of the command line. */
export interface ReplayRequest {
  readonly mode: Mode;
  /** What `parseChunking` reads. */
  readonly chunking: string;
  /** What `parseRewrite` reads; null: nothing is rewritten. */
  readonly rewrite: string | null;
  readonly speed: number;
}

export interface SetUpOptions {
  /** Old, or old and new. */
  readonly targets: ReadonlyMap<Side, string>;
  /** How frames are read; undefined: as the recording says. */
  readonly dialect?: string | undefined;
  readonly pauseMsMax?: number | undefined;
  readonly patienceMs?: number | undefined;
  /** Version of the program, for the new capture. */
  readonly writer: string;
}

/** What is left to say is where to, and who is told. */
export type ReplaySetUp = Omit<ReplayOptions, 'out' | 'onTrouble' | 'onProgress'>;

/** Throws USAGE or DIALECT_UNKNOWN. */
export function setUpReplay(
  capture: CaptureReader,
  protocol: Protocol,
  request: ReplayRequest,
  options: SetUpOptions,
): ReplaySetUp {
  const rewrite = rewriteOf(request);
  const from = protocol.dialect(options.dialect ?? capture.info.dialect);
  const to = rewrittenDialect(protocol, from, rewrite);
  const { mode, speed } = request;
  return {
    capture,
    targets: options.targets,
    start: {
      origin: REPLAY_ORIGIN,
      writer: options.writer,
      dialect: to.name,
      layout: to.header,
      notes: notesOf(capture, options.targets, request),
      protocolSchemas: protocol.sources,
    },
    pace: { mode, speed, pauseMsMax: options.pauseMsMax ?? Number.POSITIVE_INFINITY },
    piecesOf: piecesOf(capture, { from, to }, request, rewrite),
    patienceMs: options.patienceMs ?? DEFAULT_PATIENCE_MS,
  };
}

function rewriteOf({ rewrite }: ReplayRequest): RewriteRequest | undefined {
  if (rewrite === null) return undefined;
  const request = parseRewrite(rewrite);
  if (request !== undefined) return request;
  throw new OperatingError('USAGE', `nothing is rewritten as ${JSON.stringify(rewrite)}`, {
    hint: 'Write timestamps, sequence or dialect:NAME, or several of them with commas.',
  });
}

/** Chunks keep their lengths, so headers must have the same length. */
function rewrittenDialect(
  protocol: Protocol,
  from: Dialect,
  rewrite: RewriteRequest | undefined,
): Dialect {
  if (rewrite?.dialect === undefined) return from;
  const to = protocol.dialect(rewrite.dialect);
  if (to.header.sizeBytes === from.header.sizeBytes) return to;
  throw new OperatingError('USAGE', `headers of ${from.name} and ${to.name} have other lengths`, {
    hint: 'relaydiff schema list names the dialects.',
  });
}

function notesOf(
  capture: CaptureReader,
  targets: ReadonlyMap<Side, string>,
  { mode, speed, chunking, rewrite }: ReplayRequest,
): Readonly<Record<string, string>> {
  return {
    source: basename(capture.path),
    ...Object.fromEntries(targets),
    mode: speed === 1 || mode === 'max' ? mode : `${mode}, speed ${speed}`,
    chunking,
    ...(rewrite === null ? {} : { [REWRITE_NOTE]: rewrite }),
    ...redactedNote(capture.info.notes),
  };
}

function piecesOf(
  capture: CaptureReader,
  { from, to }: { readonly from: Dialect; readonly to: Dialect },
  { chunking: words, speed }: ReplayRequest,
  rewrite: RewriteRequest | undefined,
): PieceMaker {
  const chunking = parseChunking(words);
  if (chunking === undefined) {
    throw new OperatingError('USAGE', `nothing is written as ${JSON.stringify(words)}`, {
      hint: 'Write recorded, frame, coalesced, split:SEED (a number) or byte.',
    });
  }
  const makePieces = pieceMakerOf(chunking, to.header);
  if (rewrite === undefined) return makePieces;
  const { timestamps, sequence, dialect } = rewrite;
  const clock = {
    recordedUnixNs: capture.info.startedUnixNs,
    replayedUnixNs: BigInt(Date.now()) * 1_000_000n,
    speed,
  };
  /** Sequences are counted for each client. */
  const rewriteFrames = (): RewriteFrame =>
    rewriteAll([
      ...(timestamps ? [rewriteTimestamps(clock)] : []),
      ...(sequence ? [rewriteSequence()] : []),
      ...(dialect === undefined ? [] : [rewriteNumbering(from, to)]),
    ]);
  const layouts = { from: from.header, to: to.header };
  return (runs, connection) =>
    makePieces(runsOf(rewriteChunks(chunksIn(runs), layouts, rewriteFrames())), connection);
}
