/**
 * about.md of a golden: a page for people, with a block of facts in it that is made from the other files, and held
 * against them. What is written around the block is its author's.
 */
import { REDACTED_NOTE } from '../capture/redaction-note.ts';
import type { CaptureReader, StreamKind } from '../capture/types.ts';
import { formatCount } from '../lib/format.ts';
import { type Expected, type GoldenReplay, replayName } from './expected.ts';
import { LEFT_OUT_NOTE } from './notes.ts';
import { showsWords } from './shows.ts';

const BEGIN = '<!-- facts: written by relaydiff golden, do not edit -->';
const END = '<!-- end of facts -->';
const HOW = '## How it was made';
const SHOWS = '## What it must show';

export interface AboutText {
  /** What it is for, in a few sentences; undefined: nobody has said. */
  readonly summary: string | undefined;
  /** How it was made: the command. */
  readonly how: string;
}

export function aboutPage(
  expected: Expected,
  capture: CaptureReader,
  { summary, how }: AboutText,
): string {
  const { title } = expected;
  const text = [
    `# ${title}`,
    ...(summary === undefined ? [] : [summary]),
    factsBlock(expected, capture),
    HOW,
    how,
    SHOWS,
    mustShow(expected),
  ];
  return `${text.join('\n\n')}\n`;
}

/** The page with the facts as they are now. undefined: it has no place for them. */
export function withFacts(
  page: string,
  expected: Expected,
  capture: CaptureReader,
): string | undefined {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) return undefined;
  return page.slice(0, from) + factsBlock(expected, capture) + page.slice(to + END.length);
}

/** What is wrong with a page, a sentence each without its full stop. */
export function aboutProblems(
  page: string,
  expected: Expected,
  capture: CaptureReader,
): readonly string[] {
  const problems: string[] = [];
  if (!page.startsWith(`# ${expected.title}\n`)) {
    problems.push('it does not begin with the title of expected.json as its heading');
  }
  const current = withFacts(page, expected, capture);
  if (current === undefined)
    problems.push(`it has no facts: the block between ${BEGIN} and ${END}`);
  else if (current !== page) {
    problems.push(
      'its facts are not those of the other files; relaydiff golden update writes them',
    );
  }
  for (const heading of [HOW, SHOWS]) {
    if (sectionOf(page, heading) === '') problems.push(`it has nothing under "${heading}"`);
  }
  return problems;
}

function sectionOf(page: string, heading: string): string {
  const start = page.indexOf(`\n${heading}\n`);
  if (start < 0) return '';
  const text = page.slice(start + heading.length + 2);
  const end = text.search(/^## /m);
  return (end < 0 ? text : text.slice(0, end)).trim();
}

function mustShow({ promise, shows }: Expected): string {
  const kept =
    promise.messages === 0
      ? 'The old relay delivers nothing to anybody, and a relay that keeps the promise is as silent.'
      : `A relay that keeps the promise delivers the same ${formatCount(promise.messages)} messages, each publisher's in its order.`;
  return shows === null
    ? kept
    : `${kept} The new relay that was recorded beside it shows: ${showsWords(shows)}.`;
}

function factsBlock(expected: Expected, capture: CaptureReader): string {
  const { promise, shows, replays } = expected;
  const { [LEFT_OUT_NOTE]: leftOut, [REDACTED_NOTE]: redacted } = capture.info.notes;
  const rows = [
    ['relay', expected.domain],
    ['dialect', `\`${expected.dialect}\``],
    ['clients', `${promise.clients}, ${formatCount(promise.clientBytes)} bytes sent`],
    ['promise', `${formatCount(promise.messages)} messages delivered by the old relay`],
    ['digest', `\`${promise.digest}\``],
    ['old against new', shows === null ? 'recorded from one relay' : showsWords(shows)],
    ...(leftOut === undefined ? [] : [['left out of the recording', leftOut]]),
    ...(redacted === undefined ? [] : [['redacted', redacted]]),
  ];
  return [
    BEGIN,
    ...table(['fact', ''], rows),
    '',
    ...table(['client', 'sent', 'in writes', 'got from old', 'got from new'], clientRows(capture)),
    '',
    ...table(
      ['replay', 'the new relay shows'],
      replays.map((replay) => replayRow(replay)),
    ),
    END,
  ].join('\n');
}

function replayRow(replay: GoldenReplay): readonly string[] {
  const { shows } = replay;
  const words =
    shows === undefined
      ? 'the same as in the capture'
      : shows === null
        ? 'not defined: it depends on what its reads return'
        : showsWords(shows);
  return [replayName(replay), words];
}

function clientRows(capture: CaptureReader): readonly (readonly string[])[] {
  const streams = capture.streams();
  return capture.connections().map(({ id, label }) => {
    const of = (kind: StreamKind): { bytes: number; chunks: number } =>
      streams.find((stream) => stream.connection === id && stream.kind === kind) ?? {
        bytes: 0,
        chunks: 0,
      };
    const [client, old, neu] = [of('client'), of('old'), of('new')];
    return [
      `${id} ${label}`,
      ...[client.bytes, client.chunks, old.bytes, neu.bytes].map(formatCount),
    ];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)];
}
