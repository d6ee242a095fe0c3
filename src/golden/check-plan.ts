/**
 * What a check is going to do: each golden in each of its replays. Everything that can be wrong with captures, rules and
 * schemas is found here, before any relay is started. Reads files and starts nothing.
 */
import { openCapture } from '../capture/open.ts';
import type { RulesTexts } from '../diff/rules/read-rules.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { SchemaTexts } from '../protocol/load.ts';
import { parseChunking } from '../replay/chunking.ts';
import { MODES } from '../replay/pace.ts';
import { setUpReplay } from '../replay/set-up.ts';
import { type CheckCasePlan, protocolOfGolden } from './check-run.ts';
import { rulesOf } from './compare.ts';
import { type GoldenDomain, type GoldenReplay, replayName } from './expected.ts';
import { findGoldens, type Golden, readText } from './golden-files.ts';

export interface PlanOptions {
  readonly paths: readonly string[];
  /** Instead of what the goldens ask for; empty: as they ask. */
  readonly replays: readonly GoldenReplay[];
  /** Of captures that are no goldens. */
  readonly domain: GoldenDomain;
  /** Besides those of the goldens. */
  readonly rules: RulesTexts;
  readonly schemas: SchemaTexts;
  readonly today: string;
  /** undefined: enough for the recording. */
  readonly limitMs: number | undefined;
}

export interface PlannedCase extends CheckCasePlan {
  /** Of the golden; its path, where two goldens have one name. */
  readonly name: string;
  /** For files of this case; no two cases have the same. */
  readonly fileName: string;
}

/** A case of a short recording is done in a few seconds on any machine. */
const LIMIT_MS_MIN = 60_000;
/** For start, waits for answers that do not come, stop and comparison. */
const LIMIT_FACTOR = 2;

/** `causal:frame`; undefined when the text is none. */
export function parseReplay(text: string): GoldenReplay | undefined {
  const [word = '', ...rest] = text.split(':');
  const chunking = rest.length === 0 ? 'recorded' : rest.join(':');
  const mode = MODES.find((each) => each === word);
  if (mode === undefined || parseChunking(chunking) === undefined) return undefined;
  return { mode, chunking, rewrite: null, speed: 1 };
}

/** Throws what findGoldens throws, and what captures, rules and schemas can have wrong. */
export function planCheck(options: PlanOptions): readonly PlannedCase[] {
  const goldens = findGoldens(options.paths);
  const names = new Map<string, number>();
  for (const { name } of goldens) names.set(name, (names.get(name) ?? 0) + 1);
  const fileNames = new Set<string>();
  return goldens.flatMap((golden) => {
    const name = (names.get(golden.name) ?? 0) > 1 ? golden.capturePath : golden.name;
    return casesOf(golden, options).map((plan) => {
      const fileName = uniqueName(`${name}.${replayName(plan.replay)}`, fileNames);
      return { ...plan, name, fileName };
    });
  });
}

function casesOf(golden: Golden, options: PlanOptions): readonly CheckCasePlan[] {
  const { schemas, today } = options;
  const own: RulesTexts =
    golden.rulesPath === undefined ? [] : [[golden.rulesPath, readText(golden.rulesPath)]];
  const rules = [...own, ...options.rules];
  const replays = options.replays.length > 0 ? options.replays : golden.replays;
  const domain = golden.expected?.domain ?? options.domain;
  const capture = openCapture(golden.capturePath);
  try {
    if (!capture.info.sealed) throw unsealed(golden.capturePath);
    const protocol = protocolOfGolden(capture, schemas);
    return replays.map((replay) => {
      const setUp = setUpReplay(capture, protocol, replay, { targets: new Map(), writer: '' });
      const old = protocol.dialect(capture.info.dialect);
      rulesOf({ old, new: protocol.dialect(setUp.start.dialect) }, { protocol, rules, today });
      const lastsMs = Number(capture.info.durationNs) / 1e6 / replay.speed;
      const limitMs = options.limitMs ?? LIMIT_MS_MIN + LIMIT_FACTOR * Math.ceil(lastsMs);
      return { golden, replay, domain, rules, limitMs };
    });
  } finally {
    capture.close();
  }
}

/** Nobody knows what else the old relay would have delivered: no promise. */
function unsealed(path: string): OperatingError {
  return new OperatingError('GOLDEN_INVALID', `${path} was not sealed: its end is missing`, {
    hint: 'relaydiff recover makes a sealed capture of what is there.',
  });
}

function uniqueName(words: string, taken: Set<string>): string {
  const plain = words.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[-.]+|-+$/g, '');
  let name = plain;
  for (let nth = 2; taken.has(name); nth++) name = `${plain}-${nth}`;
  taken.add(name);
  return name;
}
