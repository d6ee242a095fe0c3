/**
 * Chooses a part of a recording that is a golden by itself: some of the clients, some of the time, or the first messages.
 * What clients sent is chosen in whole writes with whole frames; of what the relays delivered stays what was chosen clients'.
 * Everything that is left out is said, and what cannot be told apart is refused. Holds the part and a few facts; the
 * recording may be of any size.
 */
import type { CaptureReader, Gap, StreamKind, StreamRow } from '../capture/types.ts';
import { formatCount, formatSeconds } from '../lib/format.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { type Delivered, Deliveries, type Unclear } from './deliveries.ts';
import { CAPTURE_BYTES_MAX } from './golden-files.ts';
import { hasNewSide } from './measure.ts';
import type { ByteRange, Selection, StreamPart } from './selection.ts';
import { readGroups, type SentGroup } from './writes.ts';

export interface PartRequest {
  /** Labels or numbers of connections; undefined: all. */
  readonly clients: readonly string[] | undefined;
  /** What was begun to be sent in this time, ns since the start of the recording; `toNs` is not in it. */
  readonly fromNs: bigint | undefined;
  readonly toNs: bigint | undefined;
  /** So many messages that clients sent, and what was sent with the last of them. */
  readonly firstMessages: number | undefined;
  /** What was left out is told with numbers of clients, not with their labels. */
  readonly hidesLabels: boolean;
  /** Without the new side. */
  readonly oldOnly: boolean;
}

/** More would not fit into a golden, however well it is packed. */
const SENT_BYTES_MAX = 64 * CAPTURE_BYTES_MAX;

/** undefined: nothing is left out. */
export function selectPart(
  capture: CaptureReader,
  request: PartRequest,
  layout: HeaderLayout,
): Selection | undefined {
  const { clients, fromNs, toNs, firstMessages, oldOnly } = request;
  const takesAll = [clients, fromNs, toNs, firstMessages].every((each) => each === undefined);
  if (takesAll && !oldOnly) return undefined;
  return new Selecting(capture, request, layout).run();
}

class Selecting {
  readonly #capture: CaptureReader;
  readonly #request: PartRequest;
  readonly #layout: HeaderLayout;
  readonly #streams: readonly StreamRow[];
  readonly #wanted: ReadonlySet<number>;
  readonly #leftOut: string[] = [];

  constructor(capture: CaptureReader, request: PartRequest, layout: HeaderLayout) {
    this.#capture = capture;
    this.#request = request;
    this.#layout = layout;
    this.#streams = capture.streams();
    this.#wanted = wantedOf(capture, request.clients);
  }

  run(): Selection {
    const chosen = this.#choose();
    const startNs = this.#startNs(chosen);
    const deliveries = new Deliveries(this.#capture, this.#layout, {
      chosen,
      wanted: this.#wanted,
    });
    const old = deliveries.of('old');
    if (old.unclear !== undefined) throw this.#refusal(old.unclear);
    const lastNs = chosen.reduce(
      (last, { lastNs: ns }) => (ns > last ? ns : last),
      old.lastNs > startNs ? old.lastNs : startNs,
    );
    this.#refuseGaps('old', [startNs, lastNs]);
    this.#refuseGaps('client', [startNs, lastNs]);
    const neu = this.#newSide(deliveries, [startNs, lastNs]);
    const endNs = neu !== undefined && neu.lastNs > lastNs ? neu.lastNs : lastNs;
    const { connections, openAtEnd } = this.#connections([startNs, endNs], chosen, {
      old,
      new: neu,
    });
    this.#say(chosen, old, connections.size);
    return {
      connections,
      startNs,
      endNs,
      openAtEnd,
      hasNew: neu !== undefined,
      leftOut: this.#leftOut,
    };
  }

  /** Of all wanted clients, in the order in which they began to send it. */
  #choose(): readonly SentGroup[] {
    const { fromNs, toNs, firstMessages } = this.#request;
    const groups = mergeSorted(
      this.#streams
        .filter(({ kind, connection }) => kind === 'client' && this.#wanted.has(connection))
        .map((stream) => readGroups(this.#capture, stream, this.#layout)),
      (left, right) => left.firstOrdinal - right.firstOrdinal,
    );
    const chosen: SentGroup[] = [];
    let bytes = 0;
    let messages = 0;
    let beforeNs: bigint | undefined;
    let behindNs: bigint | undefined;
    for (const group of groups) {
      if (fromNs !== undefined && group.firstNs < fromNs) {
        beforeNs = group.firstNs;
        continue;
      }
      if (toNs !== undefined && group.firstNs >= toNs) {
        behindNs = group.firstNs;
        break;
      }
      if (firstMessages !== undefined && messages >= firstMessages) break;
      chosen.push(group);
      bytes += group.bytes;
      messages += group.spans.filter(({ isFrame }) => isFrame).length;
      if (bytes > SENT_BYTES_MAX) throw tooMuch();
    }
    if (chosen.length > 0) return chosen;
    throw new OperatingError(
      'USAGE',
      `no client sent anything in this part of ${this.#capture.path}`,
      {
        hint: whereElse(beforeNs, behindNs),
      },
    );
  }

  /** Who was there already comes at the start; nobody waits for what lay before. */
  #startNs(chosen: readonly SentGroup[]): bigint {
    const { fromNs } = this.#request;
    if (fromNs === undefined) return 0n;
    const first = chosen[0]?.firstNs ?? fromNs;
    return first < fromNs ? first : fromNs;
  }

  #newSide(deliveries: Deliveries, range: readonly [bigint, bigint]): Delivered | undefined {
    if (this.#request.oldOnly) {
      this.#leftOut.push('the new side, as asked for');
      return undefined;
    }
    if (!hasNewSide(this.#capture)) return undefined;
    if (this.#gapIn('new', range) !== undefined || this.#gapIn('mirror', range) !== undefined) {
      this.#leftOut.push('the new side: it has gaps in this part of the recording');
      return undefined;
    }
    const neu = deliveries.of('new');
    if (neu.unclear === undefined) return neu;
    this.#leftOut.push(`the new side: ${neu.unclear.why}`);
    return undefined;
  }

  #refuseGaps(stream: 'old' | 'client', range: readonly [bigint, bigint]): void {
    const gap = this.#gapIn(stream, range);
    if (gap === undefined) return;
    const what = `${formatCount(gap.bytes)} bytes of connection ${gap.connection} (${stream} stream) are missing from this part of the recording`;
    throw new OperatingError('GOLDEN_INVALID', `${this.#capture.path}: ${what}`, {
      hint: 'Take another time, or leave this client out; relaydiff info shows the gaps.',
    });
  }

  #gapIn(where: StreamKind | 'mirror', [from, to]: readonly [bigint, bigint]): Gap | undefined {
    return this.#capture
      .gaps()
      .find(
        (gap) =>
          this.#wanted.has(gap.connection) &&
          (where === 'mirror'
            ? gap.where === 'mirror'
            : gap.where === 'recording' && gap.stream === where) &&
          gap.firstTimeNs <= to &&
          gap.lastTimeNs >= from,
      );
  }

  /** Those that were open at some time of the part. */
  #connections(
    [startNs, endNs]: readonly [bigint, bigint],
    chosen: readonly SentGroup[],
    sides: { readonly old: Delivered; readonly new: Delivered | undefined },
  ): { readonly connections: Selection['connections']; readonly openAtEnd: number } {
    const closed = this.#closedNs();
    const connections = new Map<number, Readonly<Partial<Record<StreamKind, StreamPart>>>>();
    let openAtEnd = 0;
    for (const { id, openedNs } of this.#capture.connections()) {
      const closedNs = closed.get(id);
      if (!this.#wanted.has(id) || openedNs > endNs) continue;
      if (closedNs !== undefined && closedNs < startNs) continue;
      if (closedNs === undefined || closedNs > endNs) openAtEnd += 1;
      connections.set(id, {
        client: joined(chosen.filter(({ connection }) => connection === id)),
        old: sides.old.ranges.get(id) ?? [],
        ...(sides.new === undefined ? {} : { new: sides.new.ranges.get(id) ?? [] }),
      });
    }
    return { connections, openAtEnd };
  }

  #closedNs(): ReadonlyMap<number, bigint> {
    const closed = new Map<number, bigint>();
    for (const { kind, stream, connection, timeNs } of this.#capture.events()) {
      const isEnd = stream === 'client' && (kind === 'close' || kind === 'error');
      if (connection !== undefined && isEnd && !closed.has(connection)) {
        closed.set(connection, timeNs);
      }
    }
    return closed;
  }

  #say(chosen: readonly SentGroup[], old: Delivered, connections: number): void {
    const sum = (kind: StreamKind): number =>
      this.#streams.reduce((total, row) => (row.kind === kind ? total + row.bytes : total), 0);
    const sent = chosen.reduce((total, { bytes }) => total + bytes, 0);
    const part = (what: string, kept: number, all: number): string =>
      `${what}: ${formatCount(all - kept)} of ${formatCount(all)}`;
    this.#leftOut.unshift(
      requestWords(this.#request, this.#wanted),
      part('connections left out', connections, this.#capture.connections().length),
      part('bytes of clients left out', sent, sum('client')),
      part('bytes of the old relay left out', old.bytes, sum('old')),
    );
  }

  #refusal({ why }: Unclear): OperatingError {
    return new OperatingError(
      'GOLDEN_INVALID',
      `${this.#capture.path} cannot be cut here: ${why}`,
      {
        hint: 'Cut at another time, keep all clients, or record this part again with relaydiff replay.',
      },
    );
  }
}

/** Times of a recording count from its start, which may be long before the first client: so they are told. */
function whereElse(beforeNs: bigint | undefined, behindNs: bigint | undefined): string {
  const places = [
    ...(beforeNs === undefined ? [] : [`last before it at ${formatSeconds(beforeNs)}`]),
    ...(behindNs === undefined ? [] : [`first behind it at ${formatSeconds(behindNs)}`]),
  ];
  return places.length === 0
    ? 'relaydiff info shows who sent how much.'
    : `They sent ${places.join(', ')}, from the start of the recording.`;
}

function wantedOf(
  capture: CaptureReader,
  names: readonly string[] | undefined,
): ReadonlySet<number> {
  const connections = capture.connections();
  if (names === undefined) return new Set(connections.map(({ id }) => id));
  const wanted = new Set<number>();
  for (const name of names) {
    const named = connections.filter(({ id, label }) => label === name || String(id) === name);
    for (const { id } of named) wanted.add(id);
    if (named.length > 0) continue;
    throw new OperatingError('USAGE', `no connection of ${capture.path} is called ${name}`, {
      hint: 'Give labels or numbers of connections; relaydiff info lists them.',
    });
  }
  return wanted;
}

/** Ranges that touch are one. */
function joined(groups: readonly ByteRange[]): readonly ByteRange[] {
  const ranges: { offset: number; bytes: number }[] = [];
  for (const { offset, bytes } of groups) {
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.bytes === offset) last.bytes += bytes;
    else ranges.push({ offset, bytes });
  }
  return ranges;
}

function requestWords(request: PartRequest, wanted: ReadonlySet<number>): string {
  const { clients, hidesLabels, fromNs, toNs, firstMessages, oldOnly } = request;
  const seconds = (ns: bigint): string => `${Number(ns) / 1e9} s`;
  const names = hidesLabels ? [...wanted] : (clients ?? []);
  const words = [
    ...(clients === undefined ? [] : [`only the clients ${names.join(', ')}`]),
    ...(fromNs === undefined ? [] : [`from ${seconds(fromNs)}`]),
    ...(toNs === undefined ? [] : [`to ${seconds(toNs)}`]),
    ...(firstMessages === undefined ? [] : [`the first ${formatCount(firstMessages)} messages`]),
  ];
  return words.length === 0 && oldOnly ? 'all clients' : words.join(', ');
}

function tooMuch(): OperatingError {
  return new OperatingError(
    'GOLDEN_TOO_LARGE',
    `clients sent more than ${formatCount(SENT_BYTES_MAX)} bytes in this part`,
    { hint: 'Take less: --trim FROM..TO, --clients NAME…, --first-messages N.' },
  );
}
