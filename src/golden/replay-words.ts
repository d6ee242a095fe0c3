/** A replay of a golden in the words of the command line: `MODE:CHUNKING[@SPEED][/REWRITE][=SHOWS]`. Pure. */
import { parseChunking } from '../replay/chunking.ts';
import { MODES } from '../replay/pace.ts';
import { parseRewrite } from '../replay/rewrite.ts';
import { type GoldenReplay, type Shows, SPEED_MAX, SPEED_MIN } from './expected.ts';

const SAME: Shows = { verdict: 'same', counts: {}, groups: [] };
const WORDS =
  /^(?<mode>[a-z]+):(?<chunking>[a-z]+(?::\d+)?)(?:@(?<speed>\d+(?:\.\d+)?))?(?:\/(?<rewrite>[^=]+))?(?:=(?<shows>same|undefined))?$/;

/**
 * `causal:recorded`, `timed:recorded@10`, `max:frame/timestamps,sequence`. `=same`: the new relay loses nothing in it;
 * `=undefined`: what it shows is not defined; otherwise it shows what it shows in the capture. undefined: no such words.
 */
export function parseReplay(text: string): GoldenReplay | undefined {
  const { mode, chunking = '', speed = '1', rewrite, shows } = WORDS.exec(text)?.groups ?? {};
  const known = MODES.find((each) => each === mode);
  const factor = Number(speed);
  if (known === undefined || parseChunking(chunking) === undefined) return undefined;
  if (factor < SPEED_MIN || factor > SPEED_MAX) return undefined;
  if (rewrite !== undefined && parseRewrite(rewrite) === undefined) return undefined;
  return {
    mode: known,
    chunking,
    rewrite: rewrite ?? null,
    speed: factor,
    ...(shows === undefined ? {} : { shows: shows === 'same' ? SAME : null }),
  };
}
