/**
 * What the generic relay shows in the replays of a golden whose scenario says `measured`: each is played by relaydiff check
 * several times, must show the same each time, and is written into expected.json and about.md.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCapture } from '../../src/capture/open.ts';
import { withFacts } from '../../src/golden/about.ts';
import {
  type Expected,
  expectedText,
  type GoldenReplay,
  parseExpected,
  replayName,
  type Shows,
} from '../../src/golden/expected.ts';
import { showsDifferences, showsOfComparison } from '../../src/golden/shows.ts';
import type { CheckReport } from '../../src/report/check-report.ts';
import { relayProgram } from '../../src/simulate/spawn.ts';
import type { GoldenScenario } from './scenarios.ts';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const RUNS = 2;

export function measureReplays({ replays }: GoldenScenario, directory: string): void {
  const measured = replays.filter(({ shows }) => shows === 'measured').map(({ words }) => words);
  if (measured.length === 0) return;
  const file = join(directory, 'expected.json');
  const expected = parseExpected(readFileSync(file, 'utf8'), file);
  const shows = measure(directory, measured);
  const after: Expected = {
    ...expected,
    replays: expected.replays.map((replay) => withShows(expected, replay, shows)),
  };
  writeFileSync(file, expectedText(after));
  const about = join(directory, 'about.md');
  const capture = openCapture(join(directory, 'capture.db'));
  const page = withFacts(readFileSync(about, 'utf8'), after, capture);
  capture.close();
  if (page === undefined) throw new Error(`${about} has no place for facts`);
  writeFileSync(about, page);
}

/** By the words of the replay. */
function measure(directory: string, words: readonly string[]): ReadonlyMap<string, Shows> {
  const relay = `"${process.execPath}" "${relayProgram}" --kind generic --domain {domain} --socket {socket} --quiet`;
  const replays = words.flatMap((each) => ['--replay', each]);
  const how = ['--relay', relay, ...replays, '--repeat', String(RUNS), '--json'];
  const { stdout } = spawnSync(process.execPath, [CLI, 'check', directory, ...how], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  const report: CheckReport = JSON.parse(stdout);
  return new Map(
    report.cases.map(({ replay, reason, isStable, comparison }) => {
      if (comparison === null || !isStable) throw new Error(`${directory} ${replay}: ${reason}`);
      return [replay, showsOfComparison(comparison)];
    }),
  );
}

/** What the capture shows is not said twice. */
function withShows(
  expected: Expected,
  replay: GoldenReplay,
  measured: ReadonlyMap<string, Shows>,
): GoldenReplay {
  const shows = measured.get(replayName(replay));
  if (shows === undefined) return replay;
  const { shows: _before, ...played } = replay;
  const isAsCaptured =
    expected.shows !== null && showsDifferences(expected.shows, shows).length === 0;
  return isAsCaptured ? played : { ...played, shows };
}
