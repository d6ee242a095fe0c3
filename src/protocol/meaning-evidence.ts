/** How well the registry, the numbering and the structs of a dialect explain frames that its header order fits. */
import { readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import { isVendorType, registeredType, tlvValue } from './decode.ts';
import { NEUTRAL_DOMAINS } from './domain-use.ts';
import { fits } from './fit.ts';
import { remarksOn } from './remarks.ts';
import type { RemarkKind } from './remark-kind.ts';
import type { Dialect, SizeRule, TlvType } from './types.ts';

export interface Votes {
  readonly agreeing: number;
  readonly contradicting: number;
}

export interface MeaningEvidence {
  /** Messages whose domain number is, or is not, that of the domain of their TLVs. */
  readonly domains: Votes;
  /** TLVs whose bytes are, or are not, the struct of their type; without one, only a wrong size contradicts. */
  readonly structs: Votes;
  /** TLVs of a type that is neither in the registry nor a vendor's. */
  readonly unknownTypes: number;
  readonly unknownSources: number;
  /** Numbers without a name, and padding that holds something. */
  readonly oddities: number;
  /** For people; of each kind the most frequent. */
  readonly sentences: readonly string[];
}

const ODD: ReadonlySet<RemarkKind> = new Set(['unknown-enum-number', 'non-zero-padding']);

export function meaningEvidence(dialect: Dialect, frames: readonly Uint8Array[]): MeaningEvidence {
  const tally = new Tally(dialect);
  for (const frame of frames) tally.add(frame);
  return tally.result();
}

class Tally {
  readonly #dialect: Dialect;
  readonly #domains = { agreeing: 0, contradicting: 0 };
  readonly #structs = { agreeing: 0, contradicting: 0 };
  #unknownTypes = 0;
  #unknownSources = 0;
  #oddities = 0;
  /** A sentence without its count -> messages. */
  readonly #numbers = new Map<string, number>();
  /** `Trade of 40 bytes` -> TLVs that contradict. */
  readonly #misfits = new Map<string, number>();
  /** The same for those that agree. */
  readonly #matches = new Map<string, number>();

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  add(frame: Uint8Array): void {
    const dialect = this.#dialect;
    const header = readHeader(dialect.header, frame);
    const payload = frame.subarray(dialect.header.sizeBytes);
    const domains = new Set<string>();
    for (const tlv of walkTlvs(payload).tlvs) {
      const type = registeredType(dialect, tlv.type);
      if (type !== undefined) {
        if (!NEUTRAL_DOMAINS.has(type.domain)) domains.add(type.domain);
        this.#struct(type, tlvValue(tlv, payload));
      } else if (!isVendorType(dialect, tlv.type)) {
        this.#unknownTypes++;
      }
    }
    this.#domain(header.relay_domain, domains);
    for (const { kind, path } of remarksOn(dialect, frame)) {
      if (path === 'header.source') this.#unknownSources++;
      else if (ODD.has(kind) && path !== 'header.relay_domain') this.#oddities++;
    }
  }

  result(): MeaningEvidence {
    return {
      domains: this.#domains,
      structs: this.#structs,
      unknownTypes: this.#unknownTypes,
      unknownSources: this.#unknownSources,
      oddities: this.#oddities,
      sentences: this.#sentences(),
    };
  }

  #struct({ name, struct, size }: TlvType, value: Uint8Array): void {
    const what = `${name} of ${value.byteLength} bytes`;
    if (struct !== undefined && fits(struct, value)) {
      this.#structs.agreeing++;
      count(this.#matches, what);
    } else if (struct !== undefined || !isDeclaredSize(size, value.byteLength)) {
      this.#structs.contradicting++;
      count(this.#misfits, what);
    }
  }

  #domain(number: number, domains: ReadonlySet<string>): void {
    if (domains.size === 0) return;
    const name = this.#dialect.domains.names.get(number);
    const agrees = name !== undefined && domains.has(name);
    this.#domains[agrees ? 'agreeing' : 'contradicting']++;
    const meant = agrees ? name : [...domains].join('+');
    count(this.#numbers, `domain ${number} on $ ${meant} messages: ${agrees ? 'as' : 'not as'}`);
  }

  #sentences(): readonly string[] {
    const { name } = this.#dialect;
    const oddities: readonly (readonly [number, string])[] = [
      [this.#unknownTypes, `TLVs of a type that ${name} does not know`],
      [this.#unknownSources, `messages from a source that ${name} does not know`],
      [this.#oddities, 'numbers without a name, or padding that is not 0'],
    ];
    return [
      ...most(this.#numbers).map(([text, n]) => `${text.replace('$', String(n))} ${name} numbers`),
      ...most(this.#matches).map(([text, n]) => `${n} ${text}: as ${name} has`),
      ...most(this.#misfits).map(([text, n]) => `${n} ${text}: not as ${name} has`),
      ...oddities.flatMap(([n, what]) => (n > 0 ? [`${n} ${what}`] : [])),
    ];
  }
}

/** Nobody reads more of a kind. */
const SENTENCES_MAX = 10;

function most(counts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...counts].sort(([, left], [, right]) => right - left).slice(0, SENTENCES_MAX);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function isDeclaredSize(size: SizeRule, bytes: number): boolean {
  switch (size.kind) {
    case 'fixed':
      return bytes === size.bytes;
    case 'bounded':
      return bytes >= size.min && bytes <= size.max;
    case 'variable':
      return true;
  }
}
