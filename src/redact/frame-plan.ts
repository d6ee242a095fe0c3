/**
 * Works out what is to be done to each field of a frame: asks the rules in their order, then the default. Depends on
 * nothing of a frame but what is never redacted (header but its time, heads of TLVs, counts), so equal messages are
 * redacted equally wherever they are, and different ones stay different.
 */
import { fitOf } from '../protocol/fit.ts';
import { registeredType } from '../protocol/decode.ts';
import type { Dialect, FieldLayout, Leaf } from '../protocol/types.ts';
import { HEADER_INTEGERS, INTEGER_BYTES, type IntegerCoding } from '../protocol/values.ts';
import { type FrameVisitor, walkFrame } from '../protocol/walk-frame.ts';
import { readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { HeaderOffsets, TlvWalk } from '../wire/types.ts';
import { wireOffset } from './offset.ts';
import {
  countFields,
  HEADER_TIME,
  isFreeHeaderField,
  type Measure,
  measureOf,
} from './protected-fields.ts';
import type { MessageHead, Redaction, RedactionRule } from './redaction-rules.ts';
import { constantOf, type Step } from './steps.ts';

/** What happens to the fields of one name, and how often it did. */
export interface FieldAccount {
  /** Positions are left out: `tlv[].OrderBook.bids.elements[].price`. */
  readonly path: string;
  readonly action: Step['kind'];
  /** Id of the rule; undefined: the default. */
  readonly rule: string | undefined;
  values: number;
}

export interface FramePlan {
  readonly steps: readonly Step[];
  /** One for each field. */
  readonly accounts: readonly FieldAccount[];
}

/** Frames of so many layouts are planned once; others each time. */
const PLANS_KEPT_MAX = 4_096;
const EXTENDED_MARKER = 255;

export class FramePlanner {
  readonly #dialect: Dialect;
  readonly #redaction: Redaction;
  readonly #plans = new Map<string, FramePlan>();
  readonly #accounts = new Map<string, FieldAccount>();

  constructor(dialect: Dialect, redaction: Redaction) {
    this.#dialect = dialect;
    this.#redaction = redaction;
  }

  /** In order of their paths. */
  get accounts(): readonly FieldAccount[] {
    return [...this.#accounts.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
  }

  /** `frame`: whole, or whole TLVs of one that is not. */
  plan(frame: Uint8Array): FramePlan {
    const header = readHeader(this.#dialect.header, frame);
    const walk = walkTlvs(frame, this.#dialect.header.sizeBytes);
    const head: MessageHead = {
      domain: header.relay_domain,
      source: header.source,
      types: walk.tlvs.map(({ type }) => type),
    };
    const key = this.#isPlain(walk) ? keyOf(head, walk) : undefined;
    const known = key === undefined ? undefined : this.#plans.get(key);
    if (known !== undefined) return known;
    const plan = this.#make(frame, head);
    if (key !== undefined && this.#plans.size < PLANS_KEPT_MAX) this.#plans.set(key, plan);
    return plan;
  }

  /** Whether the heads of its TLVs say where all fields are. */
  #isPlain({ tlvs, defect }: TlvWalk): boolean {
    if (defect !== undefined) return false;
    return tlvs.every(({ type }) => {
      const struct = registeredType(this.#dialect, type)?.struct;
      if (struct === undefined) return true;
      const fit = fitOf(struct);
      return fit.kind === 'size' && fit.counts.length === 0;
    });
  }

  #make(frame: Uint8Array, head: MessageHead): FramePlan {
    const steps: Step[] = [];
    const accounts: FieldAccount[] = [];
    const rules = this.#redaction.rules.filter((rule) => rule.selectsMessage(head));
    const writer = new PlanWriter(this.#dialect, frame, (field) => {
      const { step, rule } = decide(field, rules, this.#redaction.default);
      steps.push(step, ...unusedBytes(field, step));
      accounts.push(this.#account(field.path, step, rule));
    });
    walkFrame(this.#dialect, frame, writer);
    return { steps, accounts };
  }

  #account(path: string, { kind: action }: Step, rule: RedactionRule | undefined): FieldAccount {
    const general = path.replaceAll(/\[\d+\]/g, '[]');
    const key = `${general} ${action} ${rule?.id ?? ''}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { path: general, action, rule: rule?.id, values: 0 };
      this.#accounts.set(key, account);
    }
    return account;
  }
}

function keyOf({ domain, source }: MessageHead, { tlvs }: TlvWalk): string {
  const heads = tlvs.map(({ type, extended, length }) => `${type}${extended ? 'x' : ':'}${length}`);
  return `${domain} ${source} ${heads.join(' ')}`;
}

/** A field that may be redacted. */
interface FreeField {
  readonly path: string;
  readonly at: number;
  readonly length: number;
  readonly class: Leaf['class'];
  /** Of a number. */
  readonly coding?: IntegerCoding;
  /** Of a number that can be moved. */
  readonly measure?: Measure | undefined;
  readonly layout?: FieldLayout;
}

interface Decision {
  readonly step: Step;
  readonly rule: RedactionRule | undefined;
}

function decide(
  field: FreeField,
  rules: readonly RedactionRule[],
  otherwise: Redaction['default'],
): Decision {
  for (const rule of rules) {
    if (!rule.selectsField(field.path, field.class)) continue;
    const step = stepOf(field, rule);
    // A field that cannot be moved by just that is the next rule's affair.
    if (step !== undefined) return { step, rule };
  }
  // The header says nothing that a recording does not say itself.
  const action = field.path.startsWith('header.') ? 'keep' : otherwise;
  const scope = field.path.replace(/^.*\./, '').replaceAll(/\[\d+\]/g, '');
  const { at, length } = field;
  const step = action === 'pseudonym' ? pseudonymStep(field, scope) : { kind: action, at, length };
  return { step, rule: undefined };
}

function stepOf(field: FreeField, { action, scope, by }: RedactionRule): Step | undefined {
  const { at, length, coding, measure } = field;
  switch (action) {
    case 'keep':
    case 'zero':
      return { kind: action, at, length };
    case 'pseudonym':
      return pseudonymStep(field, scope);
    case 'shift': {
      if (by === undefined || coding === undefined || measure === undefined) return undefined;
      const offset = wireOffset(by, measure);
      if (offset === undefined) return undefined;
      return { kind: 'shift', at, length, coding, by: offset, keepsZero: measure.kind === 'time' };
    }
  }
}

const BITS_A_BYTE = 8;

function pseudonymStep(field: FreeField, scope: string): Step {
  const { at, length, coding, layout } = field;
  if (field.class !== 'semantic') return { kind: 'permute-set', at, length, scope };
  const constant = layout && constantOf(layout);
  if (constant !== undefined) return { kind: 'permute-but', at, length, scope, constant };
  if (coding !== undefined && layout?.enum !== undefined)
    return { kind: 'rename', at, length, scope, coding, table: layout.enum };
  const { number } = layout ?? {};
  if (coding === undefined && number !== undefined && number.bits % BITS_A_BYTE === 0) {
    // The others are 0 in nearly all of them: see unusedBytes.
    const used = number.bits / BITS_A_BYTE;
    const from = number.endian === 'little' ? at : at + length - used;
    return { kind: 'permute', at: from, length: used, scope };
  }
  return { kind: 'permute', at, length, scope };
}

/** Of bytes that are a number of fewer bits: what is not used is 0, and stays so where it is. */
function unusedBytes(field: FreeField, step: Step): readonly Step[] {
  const length = field.length - step.length;
  if (step.kind !== 'permute' || length === 0) return [];
  const at = step.at === field.at ? step.at + step.length : field.at;
  return [{ kind: 'permute-set', at, length, scope: step.scope }];
}

/** Hands over the fields of a frame that may be redacted. */
class PlanWriter implements FrameVisitor {
  readonly #frame: Uint8Array;
  readonly #counting: ReadonlySet<FieldLayout>;
  readonly #take: (field: FreeField) => void;

  constructor(dialect: Dialect, frame: Uint8Array, take: (field: FreeField) => void) {
    this.#frame = frame;
    this.#counting = countFields(dialect);
    this.#take = take;
  }

  headerField(name: keyof HeaderOffsets, at: number): void {
    if (!isFreeHeaderField(name)) return;
    const coding = { integer: HEADER_INTEGERS[name], endian: 'little' } as const;
    const length = INTEGER_BYTES[coding.integer];
    const measure = name === 'timestamp' ? HEADER_TIME : undefined;
    this.#take({ path: `header.${name}`, at, length, class: 'semantic', coding, measure });
  }

  head(): void {
    // Heads and counts say where everything else is.
  }

  integer(path: string, at: number, coding: IntegerCoding, layout: FieldLayout): void {
    if (this.#counting.has(layout)) return;
    const length = INTEGER_BYTES[coding.integer];
    const measure = measureOf(layout);
    this.#take({ path, at, length, class: 'semantic', coding, measure, layout });
  }

  bytes(
    path: string,
    at: number,
    length: number,
    leafClass: Leaf['class'],
    layout?: FieldLayout,
  ): void {
    // What could not be walked begins with the head that does not fit; it must go on not to fit.
    const headBytes = path === 'payload.undecoded' ? headBytesAt(this.#frame, at) : 0;
    if (length <= headBytes) return;
    const field = { path, at: at + headBytes, length: length - headBytes, class: leafClass };
    this.#take(layout === undefined ? field : { ...field, layout });
  }
}

function headBytesAt(frame: Uint8Array, at: number): number {
  return frame[at] === EXTENDED_MARKER ? 5 : 2;
}
