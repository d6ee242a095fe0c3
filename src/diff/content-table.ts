/**
 * Gives the same message the same content, across all streams of a capture. Short frames, which are nearly all,
 * are their own key; long ones are known by their SHA-1, so that the memory for a frame is bounded: two
 * different messages with one digest would have to be made on purpose. What a content means is read once,
 * when it is first seen.
 */
import { createHash } from 'node:crypto';
import { decodeMessage } from '../protocol/decode.ts';
import { type FrameShape, frameShapesOf } from '../protocol/frame-shapes.ts';
import { subjectOf } from '../protocol/leaves.ts';
import type { Dialect } from '../protocol/types.ts';
import { readHeader, u32At } from '../wire/header.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import { type Identity, keyOf, Shapes, SHORT_BYTES_MAX } from './identity.ts';
import type { Masked } from './noise/mask.ts';
import type { Content, Head } from './records.ts';
import { NO_REMARKS } from './remark-kinds.ts';

export interface ContentTableOptions {
  /** Contents that are the same message have one id. The numbers of heads are those of old. */
  readonly identity: Identity;
  /** Whether to look for what is odd about messages. */
  readonly remarks: boolean;
  /** Whether contents keep the key of what they are, so that other tables name them alike. */
  readonly hasKeys?: boolean;
}

const NOT_KEPT = -1;
const MAGIC_BYTES = 4;
const NO_FRAME = { shape: '', subject: 'bytes that are no frame', remarks: NO_REMARKS };

/** Bytes by what is equal for equal ones. */
export interface KeyedBytes {
  /** Equal for what is the same, `Identity.keyOf`; undefined: it is not known yet. */
  readonly key: string | undefined;
  /** `keyOf`. */
  readonly bytesKey: string;
  readonly isFrame: boolean;
  readonly length: number;
}

export class ContentTable {
  /** Frames and what is no frame are never equal; neither are a key of bytes and a digest. */
  readonly #contents = {
    frame: { short: new Map<string, Content>(), long: new Map<string, Content>() },
    other: { short: new Map<string, Content>(), long: new Map<string, Content>() },
  };
  readonly #identity: Identity;
  readonly #remarks: boolean;
  readonly #hasKeys: boolean;
  /** Of frames that are the same without being equal. */
  readonly #idsOfKeys = new Map<string, number>();
  #count = 0;
  readonly #subjects = new Subjects();

  constructor({ identity, remarks, hasKeys = false }: ContentTableOptions) {
    this.#identity = identity;
    this.#remarks = remarks;
    this.#hasKeys = hasKeys;
  }

  /** `dialect` says how to read bytes that were not seen before. */
  intern(span: Span, dialect: Dialect): Content {
    const { bytes } = span;
    const isFrame = span.kind === 'frame';
    const keyed = { key: undefined, bytesKey: keyOf(bytes), isFrame, length: bytes.byteLength };
    return this.internKeyed(keyed, () => bytes, dialect);
  }

  /** The same where the keys are known: the bytes are asked for when they were not seen before. */
  internKeyed<Keyed extends KeyedBytes>(
    keyed: Keyed,
    bytesOf: (keyed: Keyed) => Uint8Array,
    dialect: Dialect,
  ): Content {
    const { isFrame, length } = keyed;
    const size = length <= SHORT_BYTES_MAX ? 'short' : 'long';
    const contents = this.#contents[isFrame ? 'frame' : 'other'][size];
    const bytesKey = this.#identity.keyOfBytes(dialect, keyed.bytesKey);
    const known = contents.get(bytesKey);
    if (known !== undefined) return known;
    const content = this.#read(bytesOf(keyed), keyed, dialect);
    contents.set(bytesKey, content);
    return content;
  }

  /** Bytes that are no frame, as a content for comparisons only: it is not kept. */
  peek(bytes: Uint8Array, layout: HeaderLayout): Content {
    const payload = keyOf(bytes.subarray(layout.sizeBytes));
    const head = readHead(layout, bytes);
    const keyHead = head && this.#identity.noise?.headOf(head);
    const header = headerOf(layout, bytes);
    const { byteLength: length } = bytes;
    const base = { id: NOT_KEPT, isFrame: false, length, head, header, keyHead, payload };
    return { ...base, ...NO_FRAME };
  }

  #read(bytes: Uint8Array, keyed: KeyedBytes, dialect: Dialect): Content {
    const { bytesKey, isFrame, length } = keyed;
    const { sizeBytes } = dialect.header;
    const { isOneDialect, noise } = this.#identity;
    const head = this.#head(bytes, dialect);
    const keyHead = head && noise?.headOf(head);
    const sorted = isFrame ? this.#sortOf(bytes, dialect) : NO_FRAME;
    const masked = isFrame ? noise?.mask(dialect, bytes, sorted.shape) : undefined;
    const masks = masked !== undefined;
    const isOfKey = isFrame && (masks || !isOneDialect);
    const key = isOfKey
      ? (keyed.key ?? this.#keyOf(bytes, dialect, masked))
      : this.#identity.keyOfBytes(dialect, bytesKey);
    const id = isOfKey ? this.#idOfKey(key) : this.#count++;
    const payload = masks
      ? keyOf(masked.bytes.subarray(sizeBytes))
      : length <= SHORT_BYTES_MAX
        ? bytesKey.slice(sizeBytes)
        : keyOf(bytes.subarray(sizeBytes));
    const { shape, subject, remarks } = sorted;
    const header = headerOf(dialect.header, bytes);
    const content: Content = {
      id,
      isFrame,
      length,
      head,
      header,
      shape,
      payload,
      subject,
      remarks,
    };
    if (keyHead === undefined && !masks && !this.#hasKeys) return content;
    return {
      ...content,
      ...(keyHead && { keyHead }),
      ...(masks && { noise: masked.values }),
      ...(this.#hasKeys && { key }),
    };
  }

  /** What depends on the shape of a frame is worked out once for each shape. */
  #sortOf(frame: Uint8Array, dialect: Dialect): Pick<Content, 'shape' | 'subject' | 'remarks'> {
    const shapes = frameShapesOf(dialect);
    const like = shapes.shapeOf(frame, 0, frame.length);
    const remarks = this.#remarks ? shapes.kindsOf(frame, 0, frame.length, like) : NO_REMARKS;
    return { ...this.#subjects.wordsOf(frame, dialect, like), remarks };
  }

  /** Of a frame that is known by something else than its bytes. */
  #keyOf(frame: Uint8Array, dialect: Dialect, masked: Masked | undefined): string {
    return masked === undefined
      ? this.#identity.keyOfMeaning(dialect, frame)
      : this.#identity.keyOfMasked(masked);
  }

  #idOfKey(key: string): number {
    let id = this.#idsOfKeys.get(key);
    if (id === undefined) this.#idsOfKeys.set(key, (id = this.#count++));
    return id;
  }

  #head(bytes: Uint8Array, dialect: Dialect): Head | undefined {
    const head = readHead(dialect.header, bytes);
    if (head === undefined || this.#identity.isOneDialect) return head;
    const domain = this.#identity.domainOf(dialect, head.domain);
    return { ...head, domain, source: this.#identity.sourceOf(dialect, head.source) };
  }
}

type Words = Pick<Content, 'shape' | 'subject'>;

/** What the TLVs of frames are called: only their types decide, so it is worked out once for each row of types. */
export class Subjects {
  /** By dialect and shape. */
  readonly #subjects = new Map<string, string>();
  readonly #shapes = new Shapes();
  /** A shape is of one dialect. */
  readonly #words = new Map<FrameShape, Words>();

  /** `like`: what the frame is like; undefined: it has no shape of its own. */
  wordsOf(frame: Uint8Array, dialect: Dialect, like: FrameShape | undefined): Words {
    const known = like && this.#words.get(like);
    if (known !== undefined) return known;
    const shape = this.shapeOf(frame.subarray(dialect.header.sizeBytes));
    const words: Words = { shape, subject: this.of(shape, frame, dialect) };
    if (like !== undefined) this.#words.set(like, words);
    return words;
  }

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

/** Equal in all windows for what is the same, and for others only by the rarest chance: 48 bits. */
export function contentName({ key, isFrame, id }: Content): number {
  if (key === undefined) return id;
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

function headerOf(layout: HeaderLayout, bytes: Uint8Array): string {
  const magicAt = layout.offsets.magic;
  if (bytes.length < magicAt + MAGIC_BYTES) return '';
  if (u32At(bytes, magicAt) !== layout.magic) return '';
  return keyOf(bytes.subarray(0, layout.sizeBytes));
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
