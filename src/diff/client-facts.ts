/**
 * What the client streams prove: who sent each message, when, in which chunks, and whether the mirror was
 * sent it at all. The chunks are the client's writes as the shim read them and passed them on, each with
 * one write of its own; a relay can still read several of them at once. So they are evidence, not proof.
 */
import type { Side } from '../capture/types.ts';
import { type Beginning, Beginnings, type Begun } from './beginnings.ts';
import type { Content, Item } from './records.ts';

/** How the bytes of one message lay in the chunks that carried them. */
export interface Placement {
  /** The bytes came in more than one chunk. */
  readonly isSplit: boolean;
  /** A chunk with bytes of this message began in the middle of a message, this one or another. */
  readonly beganInside: boolean;
  /** Domain of the header that the (first) chunk began with; undefined: it began with no header. */
  readonly leadingDomain: number | undefined;
  /** When the first of these chunks came. */
  readonly fromNs: number;
}

/** A message (or bytes that are none) in the stream of the client that sent it. */
export interface Sending {
  readonly connection: number;
  readonly offset: number;
  readonly timeNs: number;
  readonly placement: Placement;
  /** In a gap of the mirror: one relay was never sent it, by accident or as it was asked for. */
  readonly unmirrored: Unmirrored | undefined;
  /** Of two recordings: in which chunks, and when, the relay of the second had it. Absent: as the other relay had it. */
  readonly toNew?: SentToNew | 'unknown';
}

export type SentToNew = Pick<Sending, 'placement' | 'timeNs'>;

/** A sending as the relay of a side had it; undefined: nobody knows in which chunks that was. */
export function asSentTo(side: Side, sending: Sending): Sending | undefined {
  const { toNew } = sending;
  if (side === 'old' || toNew === undefined) return sending;
  return toNew === 'unknown' ? undefined : { ...sending, ...toNew };
}

/** `sent-to-new-only`: of two recordings that are compared, only that of the new side has it. */
export type Unmirrored = 'lost' | 'not-selected' | typeof SENT_TO_NEW_ONLY;

/** Reason of gaps in client bytes that the old relay was never sent. */
export const SENT_TO_NEW_ONLY = 'sent-to-new-only';

/** Client bytes that neither the new relay nor the recording got: nobody knows what they were. */
export interface HiddenGap {
  readonly fromNs: number;
  bytes: number;
}

export class ClientFacts {
  /** The one client is a tap: it sent what the old relay broadcast, and nothing tells who had sent it there. */
  readonly isTapped: boolean;
  /** From when on the old relay may have had clients that the recorder did not see; Infinity: never. */
  readonly #unseenFromNs: number;
  readonly contents = new Map<number, Content>();
  readonly hiddenUnmirrored: HiddenGap[] = [];
  /** Frames of all clients that one relay was not sent whole although it should have been. */
  unmirroredFrames = 0;
  readonly #sendings = new Map<number, Sending[]>();
  #sendingTimes: ReadonlyMap<number, readonly number[]> | undefined;
  readonly #senders = new Map<number, ReadonlyMap<number, number>>();
  readonly #once = new Map<number, ReadonlyMap<number, number>>();
  readonly #beginnings: Beginnings;
  readonly #delivered: Readonly<Record<Side, Set<number>>> = { old: new Set(), new: new Set() };
  readonly #hasMoreDeliveries: Record<Side, boolean> = { old: false, new: false };
  readonly #sentElsewhere = new Set<number>();
  readonly #unmirroredElsewhere = new Set<number>();
  readonly #slowestNs: Record<Side, number> = { old: 0, new: 0 };
  readonly #earliestNs: Record<Side, number> = { old: 0, new: 0 };

  constructor(isTapped = false, unseenFromNs = Number.POSITIVE_INFINITY) {
    this.isTapped = isTapped;
    this.#unseenFromNs = unseenFromNs;
    this.#beginnings = new Beginnings({
      wasDelivered: (content, side) => this.wasDelivered(content, side),
      sentNs: (content) => this.sendingsOf(content)[0]?.timeNs ?? -Infinity,
    });
  }

  /** Sendings must come in order of time for each content: see `sortSendings`. */
  noteSending(content: Content, sending: Sending): void {
    if (content.isFrame) this.noteUnmirrored(sending.unmirrored);
    const sendings = this.#sendings.get(content.id);
    if (sendings !== undefined) {
      sendings.push(sending);
      return;
    }
    this.contents.set(content.id, content);
    this.#sendings.set(content.id, [sending]);
    if (content.isFrame) this.#beginnings.add(content);
  }

  /** A frame, whether it is kept or not. */
  noteUnmirrored(why: Unmirrored | undefined): void {
    if (why !== undefined && why !== 'not-selected') this.unmirroredFrames++;
  }

  noteMoreDeliveries(side: Side): void {
    this.#hasMoreDeliveries[side] = true;
  }

  /** A client sent this too, in another window of the capture. */
  noteSentElsewhere(content: Content, isUnmirrored: boolean): void {
    this.#sentElsewhere.add(content.id);
    if (isUnmirrored) this.#unmirroredElsewhere.add(content.id);
  }

  /** It was kept from a relay in some other window of the capture. */
  mayBeUnmirrored(content: Content): boolean {
    return this.#unmirroredElsewhere.has(content.id);
  }

  /** Client streams are read one after the other; from here on sendings are in order of time. */
  sortSendings(): void {
    for (const sendings of this.#sendings.values()) {
      if (sendings.length > 1) sendings.sort((left, right) => left.timeNs - right.timeNs);
    }
  }

  noteDelivery(content: Content, side: Side, arrivalNs: number): void {
    this.#delivered[side].add(content.id);
    const sendings = this.#sendings.get(content.id);
    const [only] = sendings ?? [];
    // Which copy of several this is cannot be told here.
    if (only === undefined || sendings?.length !== 1) return;
    this.noteDelay(side, arrivalNs - only.timeNs);
  }

  /** A message of one sending took that long. */
  noteDelay(side: Side, delayNs: number): void {
    this.#slowestNs[side] = Math.max(this.#slowestNs[side], delayNs);
    this.#earliestNs[side] = Math.min(this.#earliestNs[side], delayNs);
  }

  /** In order of time. */
  sendingsOf(content: Content): readonly Sending[] {
    return this.#sendings.get(content.id) ?? NO_SENDINGS;
  }

  /** Connection -> how often it sent this. */
  sendersOf(content: Content): ReadonlyMap<number, number> {
    const sendings = this.sendingsOf(content);
    const [only] = sendings;
    if (only !== undefined && sendings.length === 1) return this.#onceBy(only.connection);
    const known = this.#senders.get(content.id);
    if (known !== undefined) return known;
    const senders = new Map<number, number>();
    for (const { connection } of sendings) {
      senders.set(connection, (senders.get(connection) ?? 0) + 1);
    }
    this.#senders.set(content.id, senders);
    return senders;
  }

  /** Nearly every message is sent once: they share one answer for each client. */
  #onceBy(connection: number): ReadonlyMap<number, number> {
    let once = this.#once.get(connection);
    if (once === undefined) this.#once.set(connection, (once = new Map([[connection, 1]])));
    return once;
  }

  /** When it was sent, if it was once. */
  sentOnceNs(content: Content): number | undefined {
    const sendings = this.sendingsOf(content);
    return sendings.length === 1 ? sendings[0]?.timeNs : undefined;
  }

  wasSent(content: Content): boolean {
    return this.#sendings.has(content.id) || this.#sentElsewhere.has(content.id);
  }

  /** Nobody that was recorded sent it, and there may have been others, whom the new relay never had. */
  mayComeFromUnseen(content: Content, arrivalNs: number): boolean {
    return arrivalNs >= this.#unseenFromNs && !this.wasSent(content);
  }

  /** Whether the relay of this side delivered it to anybody. */
  wasDelivered(content: Content, side: Side): boolean {
    return this.#delivered[side].has(content.id);
  }

  hasDeliveredAnything(side: Side): boolean {
    return this.#hasMoreDeliveries[side] || this.#delivered[side].size > 0;
  }

  /** The longest time that a message of one sending took through the relay of this side. */
  slowestNs(side: Side): number {
    return this.#slowestNs[side];
  }

  /** At most 0: how long before its sending a message of one sending was delivered, as clocks that differ have it. */
  earliestNs(side: Side): number {
    return this.#earliestNs[side];
  }

  /** Whether a client other than this one sent anything after the one moment and before the other. */
  othersSentBetween(connection: number, fromNs: number, toNs: number): boolean {
    this.#sendingTimes ??= timesByConnection(this.#sendings.values());
    for (const [other, timesNs] of this.#sendingTimes) {
      if (other !== connection && hasBetween(timesNs, fromNs, toNs)) return true;
    }
    return false;
  }

  /** Whether some sent message is longer than this and begins like it. */
  beginsSent(content: Content): Beginning {
    return this.#beginnings.isBeginning(content);
  }

  /** The message that these bytes of `side` are most likely the beginning of. */
  begunBy({ content, behindNs = -Infinity }: Item, side: Side): Begun | undefined {
    return this.#beginnings.find(content, side, behindNs);
  }
}

/** In order of time. */
function timesByConnection(
  sendings: Iterable<readonly Sending[]>,
): ReadonlyMap<number, readonly number[]> {
  const times = new Map<number, number[]>();
  for (const same of sendings) {
    for (const { connection, timeNs } of same) {
      const own = times.get(connection);
      if (own === undefined) times.set(connection, [timeNs]);
      else own.push(timeNs);
    }
  }
  for (const own of times.values()) own.sort((left, right) => left - right);
  return times;
}

function hasBetween(timesNs: readonly number[], fromNs: number, toNs: number): boolean {
  let low = 0;
  let high = timesNs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timesNs[middle] ?? 0) <= fromNs) low = middle + 1;
    else high = middle;
  }
  return (timesNs[low] ?? toNs) < toNs;
}

const NO_SENDINGS: readonly Sending[] = [];
