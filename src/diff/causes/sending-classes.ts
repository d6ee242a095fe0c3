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
export const LARGE_BYTES = 65_536;
/** The longest block with which a client may name itself. */
export const BLOCK_BYTES_MAX = 36;
/** Hostile traffic has no end of message types: what comes then counts for no rule, and for none against it. */
const CLASSES_MAX = 65_536;

export class SendingClasses {
  readonly #facts: Pick<PlacementFacts, 'clientLeftNs'>;
  readonly #classes = new Map<string, SendingClass>();
  #rest: SendingClass | undefined;
  #last: SendingClass | undefined;

  constructor(facts: Pick<PlacementFacts, 'clientLeftNs'>) {
    this.#facts = facts;
  }

  of(
    content: Content,
    sending: Sending,
    othersWroteBetween: (sending: Sending) => boolean,
  ): SendingClass {
    const isInterleaved = sending.placement.isSplit && othersWroteBetween(sending);
    const last = this.#last;
    if (last !== undefined && !isInterleaved && this.#isLike(last, content, sending)) return last;
    const key = `${this.#keyOf(content, sending)} ${isInterleaved}`;
    let found = this.#classes.get(key);
    if (found !== undefined) return (this.#last = found);
    const none = { old: 0, new: 0 };
    found = { content, sending, isInterleaved, kept: { ...none }, lost: { ...none } };
    if (this.#classes.size >= CLASSES_MAX) return (this.#rest ??= found);
    this.#classes.set(key, found);
    return found;
  }

  /** Whether the key is the same, as it is of most that follow each other; of short messages that is not asked. */
  #isLike({ content, sending, isInterleaved }: SendingClass, other: Content, of: Sending): boolean {
    const { placement } = sending;
    return (
      content.length > BLOCK_BYTES_MAX &&
      other.length > BLOCK_BYTES_MAX &&
      content.isFrame === other.isFrame &&
      content.length > LARGE_BYTES === other.length > LARGE_BYTES &&
      content.head?.domain === other.head?.domain &&
      content.remarks === other.remarks &&
      content.shape === other.shape &&
      !isInterleaved &&
      placement.isSplit === of.placement.isSplit &&
      placement.beganInside === of.placement.beganInside &&
      placement.leadingDomain === of.placement.leadingDomain &&
      this.#isLeaving(sending) === this.#isLeaving(of)
    );
  }

  #isLeaving({ connection, timeNs }: Sending): boolean {
    return isRightBeforeLeaving(timeNs, this.#facts.clientLeftNs(connection));
  }

  all(): Iterable<SendingClass> {
    return this.#classes.values();
  }

  #keyOf(content: Content, sending: Sending): string {
    const { offset, placement } = sending;
    const { head, isFrame, length, remarks, shape } = content;
    const { isSplit, beganInside, leadingDomain } = placement;
    const isLeaving = this.#isLeaving(sending);
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
