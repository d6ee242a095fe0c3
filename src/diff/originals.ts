/**
 * Says which sent message a message is that no client sent: a relay, or the way to it, has changed it. Then it takes the
 * place of its original when two streams are aligned, so that among equal messages the one that was changed is not
 * taken for one that is gone. Says nothing when several may have been the original.
 *
 * Publishers that write neither sequence nor time leave only likeness: the one sent message of theirs that is most like it.
 */
import type { ClientFacts } from './client-facts.ts';
import { isShort } from './content-table.ts';
import { likeness } from './match-alike.ts';
import { type Content, type Head, keyHeadOf } from './records.ts';

/** Sent messages that say the same of themselves; of more nobody is compared byte by byte. */
const ALIKE_CANDIDATES_MAX = 64;

const SEVERAL = Symbol('several');

type KeyOf = (content: Content, head: Head) => string | undefined;

/** From sure to weak; the first that names one message decides. */
const KEYS: readonly KeyOf[] = [
  (_content, head) =>
    head.sequence === 0n || head.timestamp === 0n
      ? undefined
      : `${role(head)} ${head.sequence} ${head.timestamp}`,
  (content, head) => (head.timestamp === 0n ? undefined : payload(content, head.timestamp)),
  (content, head) =>
    head.sequence === 0n ? undefined : payload(content, `${role(head)} ${head.sequence}`),
  (content, head) => payload(content, role(head)),
  (content) => payload(content, ''),
];

export class Originals {
  readonly #facts: ClientFacts;
  readonly #found = new Map<number, Content>();
  #byName: ReadonlyMap<string, readonly Content[]> | undefined;
  /** Of each key, made when the keys before it have named nothing. */
  readonly #indexes: ReadonlyMap<string, Content | typeof SEVERAL>[] = [];

  constructor(facts: ClientFacts) {
    this.#facts = facts;
  }

  /** The message itself when it was sent, and when it is not known which one it was. */
  of(content: Content): Content {
    if (!content.isFrame || this.#facts.wasSent(content)) return content;
    let original = this.#found.get(content.id);
    if (original === undefined) {
      original = this.#search(content) ?? content;
      this.#found.set(content.id, original);
    }
    return original;
  }

  #search(content: Content): Content | undefined {
    const head = keyHeadOf(content);
    if (head === undefined) return undefined;
    for (const [at, keyOf] of KEYS.entries()) {
      const key = keyOf(content, head);
      if (key === undefined) continue;
      const index = (this.#indexes[at] ??= indexOf(this.#facts.contents.values(), keyOf));
      const found = index.get(key);
      if (found !== undefined && found !== SEVERAL) return found;
    }
    return this.#mostAlike(content, head);
  }

  /** The bytes of short messages are known; of two that are equally like it neither is taken. */
  #mostAlike(content: Content, head: Head): Content | undefined {
    if (!isShort(content) || (head.sequence !== 0n && head.timestamp !== 0n)) return undefined;
    this.#byName ??= shortByName(this.#facts.contents.values());
    const candidates = this.#byName.get(nameOf(head)) ?? [];
    if (candidates.length > ALIKE_CANDIDATES_MAX) return undefined;
    const bytes = Buffer.from(content.payload, 'latin1');
    let best: { readonly common: number; readonly candidate: Content | undefined } = {
      common: 0,
      candidate: undefined,
    };
    for (const candidate of candidates) {
      const common = likeness(bytes, Buffer.from(candidate.payload, 'latin1'));
      if (common > best.common) best = { common, candidate };
      else if (common === best.common) best = { common, candidate: undefined };
    }
    return best.candidate;
  }
}

function shortByName(contents: Iterable<Content>): ReadonlyMap<string, readonly Content[]> {
  const byName = new Map<string, Content[]>();
  for (const content of contents) {
    const head = keyHeadOf(content);
    if (!content.isFrame || head === undefined || !isShort(content)) continue;
    if (head.sequence !== 0n && head.timestamp !== 0n) continue;
    const same = byName.get(nameOf(head));
    if (same === undefined) byName.set(nameOf(head), [content]);
    else same.push(content);
  }
  return byName;
}

function nameOf(head: Head): string {
  return `${role(head)} ${head.sequence} ${head.timestamp}`;
}

function indexOf(
  contents: Iterable<Content>,
  keyOf: KeyOf,
): ReadonlyMap<string, Content | typeof SEVERAL> {
  const index = new Map<string, Content | typeof SEVERAL>();
  for (const content of contents) {
    const head = keyHeadOf(content);
    if (!content.isFrame || head === undefined) continue;
    const key = keyOf(content, head);
    if (key !== undefined) index.set(key, index.has(key) ? SEVERAL : content);
  }
  return index;
}

function role(head: Head): string {
  return `${head.domain}/${head.source}`;
}

/** Without TLVs there is nothing to know a message by. */
function payload(content: Content, name: string | bigint): string | undefined {
  if (content.shape === '') return undefined;
  return `${name} ${content.shape} ${content.length} ${content.payload}`;
}
