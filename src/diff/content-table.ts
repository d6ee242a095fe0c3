/**
 * Gives equal bytes the same content, across all streams of a capture. Short frames, which are nearly all,
 * are their own key; long ones are known by their SHA-1, so that the memory for a frame is bounded: two
 * different messages with one digest would have to be made on purpose. What a content means is read once,
 * when it is first seen.
 */
import { createHash } from 'node:crypto';
import { decodeMessage } from '../protocol/decode.ts';
import { type FrameShape, frameShapesOf } from '../protocol/frame-shapes.ts';
import { subjectOf } from '../protocol/leaves.ts';
import { meaningKey, meaningOf } from '../protocol/meaning.ts';
import type { Dialect, EnumTable } from '../protocol/types.ts';
import { readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import type { NoiseMask } from './noise/mask.ts';
import type { Content, Head } from './records.ts';
import { NO_REMARKS } from './remark-kinds.ts';

export interface ContentTableOptions {
  /**
   * How two dialects are compared: contents with one meaning have one id, whatever their bytes, and the numbers of
   * heads are those of this one. undefined: there is one dialect.
   */
  readonly reference: Dialect | undefined;
  /** Whether to look for what is odd about messages. */
  readonly remarks: boolean;
  /** What of messages is noise and says nothing of which message it is. */
  readonly noise?: NoiseMask | undefined;
  /** Whether contents keep the key of their bytes, so that other tables name them alike. */
  readonly hasKeys?: boolean;
}

/** A digest of fewer bytes than this costs more time than it saves memory. */
const SHORT_BYTES_MAX = 256;
/** The key of a frame that is no longer than this is its bytes, a character each. */
export const KEY_IS_BYTES_MAX = SHORT_BYTES_MAX;
const NOT_KEPT = -1;
const NO_FRAME = { shape: '', subject: 'bytes that are no frame', remarks: NO_REMARKS };

/** Bytes by what is equal for equal ones: `keyOf`. */
export interface KeyedBytes {
  readonly key: string;
  readonly isFrame: boolean;
  readonly length: number;
}

export class ContentTable {
  /** Frames and what is no frame are never equal; neither are a key of bytes and a digest. */
  readonly #contents = {
    frame: { short: new Map<string, Content>(), long: new Map<string, Content>() },
    other: { short: new Map<string, Content>(), long: new Map<string, Content>() },
  };
  readonly #reference: Dialect | undefined;
  readonly #remarks: boolean;
  readonly #noise: NoiseMask | undefined;
  readonly #hasKeys: boolean;
  readonly #idsOfMeanings = new Map<string, number>();
  #count = 0;
  readonly #subjects = new Subjects();

  constructor({ reference, remarks, noise, hasKeys = false }: ContentTableOptions) {
    this.#reference = reference;
    this.#remarks = remarks;
    this.#noise = noise;
    this.#hasKeys = hasKeys;
  }

  /** `dialect` says how to read bytes that were not seen before. */
  intern(span: Span, dialect: Dialect): Content {
    const { bytes } = span;
    const keyed = { key: keyOf(bytes), isFrame: span.kind === 'frame', length: bytes.byteLength };
    return this.internKeyed(keyed, () => bytes, dialect);
  }

  /** The same where the key is known: the bytes are asked for when they were not seen before. */
  internKeyed<Keyed extends KeyedBytes>(
    keyed: Keyed,
    bytesOf: (keyed: Keyed) => Uint8Array,
    dialect: Dialect,
  ): Content {
    const { key: bytesKey, isFrame, length } = keyed;
    const size = length <= SHORT_BYTES_MAX ? 'short' : 'long';
    const contents = this.#contents[isFrame ? 'frame' : 'other'][size];
    // The same bytes may mean something else in another dialect.
    const key = this.#reference === undefined ? bytesKey : `${dialect.name} ${bytesKey}`;
    const known = contents.get(key);
    if (known !== undefined) return known;
    const content = this.#read(bytesOf(keyed), keyed, dialect);
    contents.set(key, content);
    return content;
  }

  /** Bytes that are no frame, as a content for comparisons only: it is not kept. */
  peek(bytes: Uint8Array, layout: HeaderLayout): Content {
    const payload = keyOf(bytes.subarray(layout.sizeBytes));
    const head = readHead(layout, bytes);
    const keyHead = head && this.#noise?.headOf(head);
    const base = { id: NOT_KEPT, isFrame: false, length: bytes.byteLength, head, keyHead, payload };
    return { ...base, ...NO_FRAME };
  }

  #read(bytes: Uint8Array, { key, isFrame, length }: KeyedBytes, dialect: Dialect): Content {
    const { sizeBytes } = dialect.header;
    const head = this.#head(bytes, dialect);
    const keyHead = head && this.#noise?.headOf(head);
    const sorted = isFrame ? this.#sortOf(bytes, dialect) : NO_FRAME;
    const masked = isFrame ? this.#noise?.mask(dialect, bytes, sorted.shape) : undefined;
    const masks = masked !== undefined;
    const id = masks
      ? this.#idOfKey(keyOf(masked.bytes))
      : isFrame
        ? this.#idOfFrame(bytes, dialect)
        : this.#count++;
    const payload = masks
      ? keyOf(masked.bytes.subarray(sizeBytes))
      : length <= SHORT_BYTES_MAX
        ? key.slice(sizeBytes)
        : keyOf(bytes.subarray(sizeBytes));
    const { shape, subject, remarks } = sorted;
    const content: Content = { id, isFrame, length, head, shape, payload, subject, remarks };
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

  #idOfFrame(frame: Uint8Array, dialect: Dialect): number {
    if (this.#reference === undefined) return this.#count++;
    return this.#idOfKey(keyOf(Buffer.from(meaningKey(meaningOf(dialect, frame)))));
  }

  #idOfKey(key: string): number {
    let id = this.#idsOfMeanings.get(key);
    if (id === undefined) this.#idsOfMeanings.set(key, (id = this.#count++));
    return id;
  }

  #head(bytes: Uint8Array, dialect: Dialect): Head | undefined {
    const head = readHead(dialect.header, bytes);
    const reference = this.#reference;
    if (head === undefined || reference === undefined || reference === dialect) return head;
    const domain = translated(dialect.domains, reference.domains, head.domain);
    return { ...head, domain, source: translated(dialect.sources, reference.sources, head.source) };
  }
}

type Words = Pick<Content, 'shape' | 'subject'>;

/** What the TLVs of frames are called: only their types decide, so it is worked out once for each row of types. */
export class Subjects {
  /** By dialect and shape. */
  readonly #subjects = new Map<string, string>();
  /** A shape is of one dialect. */
  readonly #words = new Map<FrameShape, Words>();
  /** One string object for the shape of many contents. */
  readonly #shapes = new Map<string, string>();

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
    const walk = walkTlvs(payload);
    const shape =
      walk.tlvs.map((tlv) => tlv.type).join(',') + (walk.defect === undefined ? '' : '!');
    const known = this.#shapes.get(shape);
    if (known !== undefined) return known;
    this.#shapes.set(shape, shape);
    return shape;
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

/** Equal for equal bytes in all windows, and for others only by the rarest chance: 48 bits. */
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

/** The number that another numbering gives the same name; the number itself when it has no such name. */
function translated(from: EnumTable, to: EnumTable, number: number): number {
  const name = from.names.get(number);
  const found = [...to.names].find(([, other]) => other === name);
  return found?.[0] ?? number;
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

/** Equal for equal bytes; bytes of one length are either all short or all long. */
export function keyOf(bytes: Uint8Array): string {
  if (bytes.byteLength > SHORT_BYTES_MAX) return createHash('sha1').update(bytes).digest('base64');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
