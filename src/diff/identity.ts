/**
 * When two messages are the same one: by their bytes; by their meaning, where the sides are read in two dialects; and
 * without their noise, where that is known. The content table, the scan and the windows all ask here, so that what
 * agrees for one of them agrees for the others. A meaning is known by its SHA-256: two different meanings with one digest
 * cannot be made, so equal keys are as good as equal meanings.
 */
import { createHash } from 'node:crypto';
import type { StreamKind } from '../capture/types.ts';
import { meaningKey, meaningOf } from '../protocol/meaning.ts';
import type { Dialect, EnumTable } from '../protocol/types.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { Span } from '../wire/types.ts';
import type { KeptValues, Masked, NoiseMask } from './noise/mask.ts';
import type { Dialects } from './read-capture.ts';

/** A digest of fewer bytes than this costs more time than it saves memory. */
export const SHORT_BYTES_MAX = 256;
const NUMBERS = 256;

export class Identity {
  readonly dialects: Dialects;
  /** Whether both sides are read in one dialect: then equal bytes are the same message in any case. */
  readonly isOneDialect: boolean;
  readonly #noise: NoiseMask | undefined;
  readonly #shapes = new Shapes();
  /** Domains and sources of new, as old numbers them. */
  readonly #domains: Uint8Array;
  readonly #sources: Uint8Array;

  constructor(dialects: Dialects, noise?: NoiseMask) {
    this.dialects = dialects;
    this.isOneDialect = dialects.old.name === dialects.new.name;
    this.#noise = noise;
    this.#domains = translation(dialects.new.domains, dialects.old.domains);
    this.#sources = translation(dialects.new.sources, dialects.old.sources);
  }

  get noise(): NoiseMask | undefined {
    return this.#noise;
  }

  /** Whether the same message has the same bytes wherever it is, and these, where they are short, are its key. */
  get isOfBytes(): boolean {
    return this.isOneDialect && this.#noise === undefined;
  }

  /** Clients speak the dialect of old. */
  dialectOf(kind: StreamKind): Dialect {
    return kind === 'new' ? this.dialects.new : this.dialects.old;
  }

  /** Equal exactly for spans that are the same. */
  keyOf({ kind, bytes }: Pick<Span, 'kind' | 'bytes'>, stream: StreamKind): string {
    if (this.isOfBytes) return keyOf(bytes);
    const dialect = this.dialectOf(stream);
    return kind === 'frame'
      ? this.#keyOfFrame(dialect, bytes)
      : this.keyOfBytes(dialect, keyOf(bytes));
  }

  /** Equal exactly for equal bytes of one dialect: the same bytes may mean something else in another. */
  keyOfBytes(dialect: Dialect, bytesKey: string): string {
    return this.isOneDialect ? bytesKey : `${dialect.name} ${bytesKey}`;
  }

  keyOfMeaning(dialect: Dialect, frame: Uint8Array): string {
    return digestOf(meaningKey(meaningOf(dialect, frame)));
  }

  keyOfMasked({ bytes }: Masked): string {
    return `~${keyOf(bytes)}`;
  }

  /** The noisy values of a frame; undefined: it has none. */
  valuesOf(frame: Uint8Array, stream: StreamKind): KeptValues | undefined {
    return this.#maskOf(this.dialectOf(stream), frame)?.values;
  }

  /** What clients of old call domain and source, as one number. */
  roleOf(frame: Uint8Array, stream: StreamKind): number {
    const { relay_domain: domainAt, source: sourceAt } = this.dialectOf(stream).header.offsets;
    const [domain, source] = [frame[domainAt] ?? 0, frame[sourceAt] ?? 0];
    if (this.isOneDialect || stream !== 'new') return (domain << 8) | source;
    return ((this.#domains[domain] ?? 0) << 8) | (this.#sources[source] ?? 0);
  }

  /** A number of the domains or sources of a side, as old has it. */
  domainOf(dialect: Dialect, domain: number): number {
    return this.#isOfOld(dialect) ? domain : (this.#domains[domain] ?? domain);
  }

  sourceOf(dialect: Dialect, source: number): number {
    return this.#isOfOld(dialect) ? source : (this.#sources[source] ?? source);
  }

  #isOfOld(dialect: Dialect): boolean {
    return this.isOneDialect || dialect === this.dialects.old;
  }

  #keyOfFrame(dialect: Dialect, frame: Uint8Array): string {
    const masked = this.#maskOf(dialect, frame);
    if (masked !== undefined) return this.keyOfMasked(masked);
    return this.isOneDialect ? keyOf(frame) : this.keyOfMeaning(dialect, frame);
  }

  #maskOf(dialect: Dialect, frame: Uint8Array): Masked | undefined {
    if (this.#noise === undefined) return undefined;
    const shape = this.#shapes.of(frame.subarray(dialect.header.sizeBytes));
    return this.#noise.mask(dialect, frame, shape);
  }
}

/** The types of the TLVs of a payload in order, `1,100`; with `!` when the walk broke off. */
export class Shapes {
  /** One string object for the shape of many contents. */
  readonly #shapes = new Map<string, string>();

  of(payload: Uint8Array): string {
    const walk = walkTlvs(payload);
    const shape =
      walk.tlvs.map((tlv) => tlv.type).join(',') + (walk.defect === undefined ? '' : '!');
    const known = this.#shapes.get(shape);
    if (known !== undefined) return known;
    this.#shapes.set(shape, shape);
    return shape;
  }
}

/**
 * Equal for equal bytes; bytes of one length are either all short or all long. Short ones, which are nearly all, are their
 * own key, a character each.
 */
export function keyOf(bytes: Uint8Array): string {
  if (bytes.byteLength > SHORT_BYTES_MAX) return createHash('sha1').update(bytes).digest('base64');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('binary');
}

/** The number that another numbering gives the same name; the number itself when it has no such name. */
function translation(from: EnumTable, to: EnumTable): Uint8Array {
  const numbers = new Map([...to.names].toReversed().map(([number, name]) => [name, number]));
  return Uint8Array.from({ length: NUMBERS }, (_, number) => {
    const name = from.names.get(number);
    return (name === undefined ? undefined : numbers.get(name)) ?? number;
  });
}
