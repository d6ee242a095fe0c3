/**
 * Gives equal bytes the same content, across all streams of a capture. Short frames, which are nearly all,
 * are their own key; long ones are known by their SHA-1, so that the memory for a frame is bounded: two
 * different messages with one digest would have to be made on purpose. What a content means is read once,
 * when it is first seen.
 */
import { createHash } from 'node:crypto';
import { decodeMessage } from '../protocol/decode.ts';
import { subjectOf } from '../protocol/leaves.ts';
import { meaningKey, meaningOf } from '../protocol/meaning.ts';
import type { Dialect, EnumTable } from '../protocol/types.ts';
import { readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';
import type { NoiseMask } from './noise/mask.ts';
import type { Content, Head } from './records.ts';
import { NO_REMARKS, remarkKindsOf } from './remark-kinds.ts';

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
  /** Whether contents get names that other tables give the same bytes, too. */
  readonly hasNames?: boolean;
}

/** A digest of fewer bytes than this costs more time than it saves memory. */
const SHORT_BYTES_MAX = 256;
/** The key of a frame that is no longer than this is its bytes, a character each. */
export const KEY_IS_BYTES_MAX = SHORT_BYTES_MAX;
const NOT_KEPT = -1;
const NO_FRAME_SUBJECT = 'bytes that are no frame';

export class ContentTable {
  /** Frames and what is no frame are never equal; neither are a key of bytes and a digest. */
  readonly #contents = {
    frame: { short: new Map<string, Content>(), long: new Map<string, Content>() },
    other: { short: new Map<string, Content>(), long: new Map<string, Content>() },
  };
  readonly #reference: Dialect | undefined;
  readonly #remarks: boolean;
  readonly #noise: NoiseMask | undefined;
  readonly #hasNames: boolean;
  readonly #idsOfMeanings = new Map<string, number>();
  #count = 0;
  readonly #subjects = new Subjects();

  constructor({ reference, remarks, noise, hasNames = false }: ContentTableOptions) {
    this.#reference = reference;
    this.#remarks = remarks;
    this.#noise = noise;
    this.#hasNames = hasNames;
  }

  /** `dialect` says how to read bytes that were not seen before. */
  intern(span: Span, dialect: Dialect): Content {
    const isFrame = span.kind === 'frame';
    const size = span.bytes.byteLength <= SHORT_BYTES_MAX ? 'short' : 'long';
    const contents = this.#contents[isFrame ? 'frame' : 'other'][size];
    const bytesKey = keyOf(span.bytes);
    // The same bytes may mean something else in another dialect.
    const key = this.#reference === undefined ? bytesKey : `${dialect.name} ${bytesKey}`;
    const known = contents.get(key);
    if (known !== undefined) return known;
    const read = this.#read(span.bytes, isFrame, dialect);
    const content = this.#hasNames ? { ...read, name: nameOf(isFrame, bytesKey) } : read;
    contents.set(key, content);
    return content;
  }

  /** Bytes that are no frame, as a content for comparisons only: it is not kept. */
  peek(bytes: Uint8Array, layout: HeaderLayout): Content {
    const payload = keyOf(bytes.subarray(layout.sizeBytes));
    const head = readHead(layout, bytes);
    const keyHead = head && this.#noise?.headOf(head);
    const base = { id: NOT_KEPT, isFrame: false, length: bytes.byteLength, head, keyHead, payload };
    return { ...base, shape: '', subject: NO_FRAME_SUBJECT, remarks: NO_REMARKS };
  }

  #read(bytes: Uint8Array, isFrame: boolean, dialect: Dialect): Content {
    const { sizeBytes } = dialect.header;
    const head = this.#head(bytes, dialect);
    const keyHead = head && this.#noise?.headOf(head);
    const base = { isFrame, length: bytes.byteLength, head, ...(keyHead && { keyHead }) };
    const payload = bytes.subarray(sizeBytes);
    if (!isFrame) {
      const nothing = { shape: '', subject: NO_FRAME_SUBJECT, remarks: NO_REMARKS };
      return { ...base, id: this.#count++, payload: keyOf(payload), ...nothing };
    }
    const shape = this.#subjects.shapeOf(payload);
    const subject = this.#subjects.of(shape, bytes, dialect);
    const remarks = this.#remarks ? remarkKindsOf(dialect, bytes) : NO_REMARKS;
    const read = { ...base, shape, subject, remarks };
    const masked = this.#noise?.mask(dialect, bytes, shape);
    if (masked !== undefined) {
      const id = this.#idOfKey(keyOf(masked.bytes));
      const key = keyOf(masked.bytes.subarray(sizeBytes));
      return { ...read, id, payload: key, noise: masked.values };
    }
    return { ...read, id: this.#idOfFrame(bytes, dialect), payload: keyOf(payload) };
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

/** What the TLVs of frames are called: only their types decide, so it is worked out once for each row of types. */
export class Subjects {
  /** By dialect and shape. */
  readonly #subjects = new Map<string, string>();
  /** One string object for the shape of many contents. */
  readonly #shapes = new Map<string, string>();

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

/** Equal for equal bytes, and for others only by the rarest chance: 48 bits. */
function nameOf(isFrame: boolean, bytesKey: string): number {
  const hash = createHash('sha1').update(isFrame ? 'frame ' : 'other ');
  return hash.update(bytesKey, 'latin1').digest().readUIntBE(0, 6);
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
