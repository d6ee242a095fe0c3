/**
 * Gives the same message the same content, across all streams of a capture. Short frames, which are nearly all,
 * are their own key; long ones are known by their SHA-1, so that the memory for a frame is bounded: two
 * different messages with one digest would have to be made on purpose. What a content means is read once,
 * when it is first seen.
 */
import { createHash } from 'node:crypto';
import { decodeMessage } from '../protocol/decode.ts';
import { subjectOf } from '../protocol/leaves.ts';
import type { Dialect } from '../protocol/types.ts';
import { readHeader } from '../wire/header.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import { type Identity, keyOf, Shapes, SHORT_BYTES_MAX } from './identity.ts';
import type { Content, Head } from './records.ts';
import { NO_REMARKS, remarkKindsOf } from './remark-kinds.ts';

export interface ContentTableOptions {
  /** Contents that are the same message have one id. The numbers of heads are those of old. */
  readonly identity: Identity;
  /** Whether to look for what is odd about messages. */
  readonly remarks: boolean;
  /** Whether contents get names that other tables give the same messages, too. */
  readonly hasNames?: boolean;
}

/** Bytes that were not seen before. */
interface Unread {
  readonly isFrame: boolean;
  readonly dialect: Dialect;
  /** Of the bytes. */
  readonly key: string;
  readonly identityKey: string | undefined;
}

const NOT_KEPT = -1;
const NO_FRAME_SUBJECT = 'bytes that are no frame';

export class ContentTable {
  /** Frames and what is no frame are never equal; neither are a key of bytes and a digest. */
  readonly #contents = {
    frame: { short: new Map<string, Content>(), long: new Map<string, Content>() },
    other: { short: new Map<string, Content>(), long: new Map<string, Content>() },
  };
  readonly #identity: Identity;
  readonly #remarks: boolean;
  readonly #hasNames: boolean;
  /** Of frames that are the same without being equal. */
  readonly #idsOfKeys = new Map<string, number>();
  #count = 0;
  readonly #subjects = new Subjects();

  constructor({ identity, remarks, hasNames = false }: ContentTableOptions) {
    this.#identity = identity;
    this.#remarks = remarks;
    this.#hasNames = hasNames;
  }

  /**
   * `dialect` says how to read bytes that were not seen before; `identityKey` is what they are by the identity of this
   * table, where that is known already.
   */
  intern(span: Span, dialect: Dialect, identityKey?: string): Content {
    const isFrame = span.kind === 'frame';
    const size = span.bytes.byteLength <= SHORT_BYTES_MAX ? 'short' : 'long';
    const contents = this.#contents[isFrame ? 'frame' : 'other'][size];
    const key = this.#identity.keyOfBytes(dialect, span.bytes);
    const known = contents.get(key);
    if (known !== undefined) return known;
    const content = this.#read(span.bytes, { isFrame, dialect, key, identityKey });
    contents.set(key, content);
    return content;
  }

  /** Bytes that are no frame, as a content for comparisons only: it is not kept. */
  peek(bytes: Uint8Array, layout: HeaderLayout): Content {
    const payload = keyOf(bytes.subarray(layout.sizeBytes));
    const head = readHead(layout, bytes);
    const keyHead = head && this.#identity.noise?.headOf(head);
    const base = { id: NOT_KEPT, isFrame: false, length: bytes.byteLength, head, keyHead, payload };
    return { ...base, shape: '', subject: NO_FRAME_SUBJECT, remarks: NO_REMARKS };
  }

  #read(bytes: Uint8Array, { isFrame, dialect, key, identityKey }: Unread): Content {
    const { sizeBytes } = dialect.header;
    const { noise, isOneDialect } = this.#identity;
    const head = this.#head(bytes, dialect);
    const keyHead = head && noise?.headOf(head);
    const base = { isFrame, length: bytes.byteLength, head, ...(keyHead && { keyHead }) };
    const payload = bytes.subarray(sizeBytes);
    if (!isFrame) {
      const nothing = { shape: '', subject: NO_FRAME_SUBJECT, remarks: NO_REMARKS };
      const own = { ...this.#named(isFrame, key), id: this.#count++ };
      return { ...base, ...own, payload: keyOf(payload), ...nothing };
    }
    const shape = this.#subjects.shapeOf(payload);
    const subject = this.#subjects.of(shape, bytes, dialect);
    const remarks = this.#remarks ? remarkKindsOf(dialect, bytes) : NO_REMARKS;
    const read = { ...base, shape, subject, remarks };
    const masked = noise?.mask(dialect, bytes, shape);
    if (masked !== undefined) {
      const own = this.#ofKey(identityKey ?? this.#identity.keyOfMasked(masked));
      const maskedPayload = keyOf(masked.bytes.subarray(sizeBytes));
      return { ...read, ...own, payload: maskedPayload, noise: masked.values };
    }
    const own = isOneDialect
      ? { ...this.#named(isFrame, key), id: this.#count++ }
      : this.#ofKey(identityKey ?? this.#identity.keyOfMeaning(dialect, bytes));
    return { ...read, ...own, payload: keyOf(payload) };
  }

  /** Of a frame that may be the same as another one. */
  #ofKey(key: string): Pick<Content, 'id' | 'name'> {
    let id = this.#idsOfKeys.get(key);
    if (id === undefined) this.#idsOfKeys.set(key, (id = this.#count++));
    return { ...this.#named(true, key), id };
  }

  #named(isFrame: boolean, key: string): Pick<Content, 'name'> {
    return this.#hasNames ? { name: nameOf(isFrame, key) } : {};
  }

  #head(bytes: Uint8Array, dialect: Dialect): Head | undefined {
    const head = readHead(dialect.header, bytes);
    if (head === undefined || this.#identity.isOneDialect) return head;
    const domain = this.#identity.domainOf(dialect, head.domain);
    return { ...head, domain, source: this.#identity.sourceOf(dialect, head.source) };
  }
}

/** What the TLVs of frames are called: only their types decide, so it is worked out once for each row of types. */
export class Subjects {
  /** By dialect and shape. */
  readonly #subjects = new Map<string, string>();
  readonly #shapes = new Shapes();

  shapeOf(payload: Uint8Array): string {
    return this.#shapes.of(payload);
  }

  of(shape: string, frame: Uint8Array, dialect: Dialect): string {
    const key = `${dialect.name} ${shape}`;
    const known = this.#subjects.get(key);
    if (known !== undefined) return known;
    const subject = subjectOf(decodeMessage(dialect, frame));
    this.#subjects.set(key, subject);
    return subject;
  }
}

/** Equal for equal keys, and for others only by the rarest chance: 48 bits. */
function nameOf(isFrame: boolean, key: string): number {
  const hash = createHash('sha1').update(isFrame ? 'frame ' : 'other ');
  return hash.update(key, 'latin1').digest().readUIntBE(0, 6);
}

/** Whether bytes that begin with the header of a frame go on like it too, as far as the records can tell. */
export function mayBegin(beginning: Content, whole: Content): boolean {
  if (beginning.length >= whole.length) return false;
  return !isShort(whole) || whole.payload.startsWith(beginning.payload);
}

/** The payload of a longer frame is known by its digest only. */
export function isShort(content: Content): boolean {
  return content.length <= SHORT_BYTES_MAX;
}

function readHead(layout: HeaderLayout, bytes: Uint8Array): Head | undefined {
  if (bytes.byteLength < layout.sizeBytes) return undefined;
  const header = readHeader(layout, bytes);
  if (header.magic !== layout.magic) return undefined;
  return {
    domain: header.relay_domain,
    source: header.source,
    sequence: header.sequence,
    timestamp: header.timestamp,
    frameBytes: layout.sizeBytes + header.payload_size,
  };
}
