/**
 * Counts what became of sendings by all that the rules of causes look at: sendings of one class are alike to every rule,
 * so one of them and numbers stand for all. A rule that asks for more must add that to the key.
 */
import type { Side } from '../../capture/types.ts';
import type { Sending } from '../client-facts.ts';
import type { Content } from '../records.ts';
import type { PlacementFacts } from './rule.ts';
import { isRightBeforeLeaving } from './sender-left.ts';

export interface SendingClass {
  /** Of one of them. */
  readonly content: Content;
  readonly sending: Sending;
  readonly isInterleaved: boolean;
  /** How many the relay of a side forwarded to anybody. */
  readonly kept: Record<Side, number>;
  /** How many it lost when it read them. */
  readonly lost: Record<Side, number>;
}

/** The rules ask whether a message is longer than this. */
const LARGE_BYTES = 65_536;
/** The longest block with which a client may name itself. */
const BLOCK_BYTES_MAX = 36;
/** Hostile traffic has no end of message types: what comes then counts for no rule, and for none against it. */
const CLASSES_MAX = 65_536;

export class SendingClasses {
  readonly #facts: Pick<PlacementFacts, 'clientLeftNs'>;
  readonly #classes = new Map<string, SendingClass>();
  #rest: SendingClass | undefined;

  constructor(facts: Pick<PlacementFacts, 'clientLeftNs'>) {
    this.#facts = facts;
  }

  of(
    content: Content,
    sending: Sending,
    othersWroteBetween: (sending: Sending) => boolean,
  ): SendingClass {
    const isInterleaved = sending.placement.isSplit && othersWroteBetween(sending);
    const key = `${this.#keyOf(content, sending)} ${isInterleaved}`;
    let found = this.#classes.get(key);
    if (found !== undefined) return found;
    const none = { old: 0, new: 0 };
    found = { content, sending, isInterleaved, kept: { ...none }, lost: { ...none } };
    if (this.#classes.size >= CLASSES_MAX) return (this.#rest ??= found);
    this.#classes.set(key, found);
    return found;
  }

  all(): Iterable<SendingClass> {
    return this.#classes.values();
  }

  #keyOf(content: Content, { connection, offset, timeNs, placement }: Sending): string {
    const { head, isFrame, length, remarks, shape } = content;
    const { isSplit, beganInside, leadingDomain } = placement;
    const isLeaving = isRightBeforeLeaving(timeNs, this.#facts.clientLeftNs(connection));
    const flags = `${isFrame} ${length > LARGE_BYTES} ${isSplit} ${beganInside} ${isLeaving}`;
    return `${flags} ${head?.domain} ${leadingDomain} ${remarks} ${shape}${blockName(content, offset)}`;
  }
}

/** What tells the block with which a collector names itself from other short messages. */
function blockName({ head, length }: Content, offset: number): string {
  if (length > BLOCK_BYTES_MAX) return '';
  const isUnnumbered = head?.sequence === 0n && head.timestamp === 0n;
  return ` ${length} ${head?.source} ${head?.frameBytes} ${isUnnumbered} ${offset === 0}`;
}
