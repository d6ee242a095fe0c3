/** Every name that a rule may use, of all dialects together: what is in none of them is a mistake. */
import { didYouMean } from '../../lib/suggest.ts';
import type { Dialect, FieldType, StructLayout } from '../../protocol/types.ts';
import { elementOf } from './field-units.ts';

export interface ProtocolNames {
  readonly domain: ReadonlySet<string>;
  readonly source: ReadonlySet<string>;
  readonly tlv: ReadonlySet<string>;
  readonly headers: ReadonlySet<string>;
  /** TLV name -> the structs that dialects have for it. */
  readonly structs: ReadonlyMap<string, readonly StructLayout[]>;
}

export function namesOfDialects(dialects: readonly Dialect[]): ProtocolNames {
  const structs = new Map<string, StructLayout[]>();
  for (const { types } of dialects) {
    for (const { name, struct } of types.values()) {
      const known = structs.get(name) ?? [];
      structs.set(name, struct === undefined ? known : [...known, struct]);
    }
  }
  return {
    domain: new Set(dialects.flatMap(({ domains }) => [...domains.names.values()])),
    source: new Set(dialects.flatMap(({ sources }) => [...sources.names.values()])),
    tlv: new Set(structs.keys()),
    headers: new Set(dialects.flatMap((dialect) => headerNames(dialect))),
    structs,
  };
}

function headerNames({ headerFields }: Dialect): readonly string[] {
  return [...headerFields.values()].flatMap((fields) => fields.map(({ name }) => name));
}

const TLV_HEAD = ['type', 'length', 'marker', 'reserved'];
/** What stands for bytes that no registry names. */
const UNNAMED_TLVS = ['Unknown', 'Vendor'];
const NO_STRUCT = ['raw'];

/** A misspelt field would select nothing for ever, and nobody would notice. */
export function unknownFieldIn(pattern: string, names: ProtocolNames): string | undefined {
  const steps = pattern.split('.').map((step) => step.replaceAll(/\[[^\]]*\]/g, ''));
  for (const [depth, step] of steps.entries()) {
    if (step.includes('*')) return undefined;
    const fields = knownFieldsAt(names, steps.slice(0, depth));
    if (fields === undefined) return undefined;
    if (!fields.includes(step))
      return `no dialect has "${step}" in ${steps.slice(0, depth).join('.') || 'a message'}${didYouMean(step, fields)}`;
  }
  return undefined;
}

/** What may follow these steps of a path; undefined when anything may. */
function knownFieldsAt(
  names: ProtocolNames,
  steps: readonly string[],
): readonly string[] | undefined {
  const [place, tlv, ...inside] = steps;
  if (place === undefined) return ['header', 'tlv', 'payload', 'undecoded'];
  if (place === 'header') return steps.length === 1 ? [...names.headers] : undefined;
  if (place !== 'tlv') return undefined;
  if (tlv === undefined) return [...names.tlv, ...UNNAMED_TLVS, ...TLV_HEAD];
  const structs = names.structs.get(tlv) ?? [];
  if (structs.length === 0) return undefined;
  const fields = structs.map((struct) => fieldsIn(struct, inside));
  if (fields.some((each) => each === undefined)) return undefined;
  const all = fields.flatMap((each) => each ?? []);
  return inside.length === 0 ? [...all, ...NO_STRUCT] : all;
}

/** undefined: the struct ends above, or has no such field. */
function fieldsIn(
  struct: StructLayout,
  [step, ...rest]: readonly string[],
): readonly string[] | undefined {
  if (step === undefined) {
    const own = struct.fields.flatMap(({ name, as }) => (as === undefined ? [name] : [name, as]));
    return struct.openEnded ? [...own, 'data'] : own;
  }
  const field = struct.fields.find(({ name, as }) => name === step || as === step);
  if (field === undefined) return [];
  if (field.type.kind === 'fixed-vec' && rest.length === 0)
    return [...innerFields(field.type), 'elements', 'count', 'unused', '_padding'];
  if (field.type.kind === 'list' && rest.length === 0) return [...innerFields(field.type), 'count'];
  const inner = field.type.kind === 'fixed-vec' && rest[0] === 'elements' ? rest.slice(1) : rest;
  const type = elementOf(field.type);
  return type.kind === 'struct' ? fieldsIn(type.struct, inner) : undefined;
}

function innerFields(type: FieldType): readonly string[] {
  const element = elementOf(type);
  return element.kind === 'struct' ? (fieldsIn(element.struct, []) ?? []) : [];
}
