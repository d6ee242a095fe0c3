/**
 * Puts a dialect together from its chain of schemas: later entries replace earlier ones of the same name,
 * then every name is looked up. Struct layouts are resolve-structs.ts.
 */
import type { HeaderLayout, HeaderOffsets } from '../wire/types.ts';
import { resolveStructs } from './resolve-structs.ts';
import type { FileShape, FramingShape, HeaderShape, TlvTypeShape } from './schema-shape.ts';
import type { Entry, Report, SchemaSource } from './schema-source.ts';
import { didYouMean } from './suggest.ts';
import type { Dialect, EnumTable, SizeRule, StructLayout, TlvType } from './types.ts';
import { HEADER_FIELDS, HEADER_INTEGERS, INTEGER_BYTES, isIntegerType } from './values.ts';

/** `chain`: base first, the dialect itself last. Undefined when a mistake was reported. */
export function resolveDialect(
  chain: readonly SchemaSource[],
  reportMistake: Report,
): Dialect | undefined {
  let failed = false;
  const report: Report = (mistake) => {
    failed = true;
    reportMistake(mistake);
  };
  const self = chain.at(-1);
  if (self === undefined) return undefined;
  const enums = resolveEnums(chain, report);
  const structEntries = merged(chain, 'structs', (file) => file.structs);
  const structs = resolveStructs(structEntries, enums, report);
  const headers = resolveHeaders(chain, report);
  const header = chosenHeader(chain, self, headers, report);
  const framing = chain.findLast((source) => source.shape.framing)?.shape.framing;
  const domains = enums.get('RelayDomain');
  const sources = enums.get('SourceType');
  for (const [what, value] of [
    ['framing', framing],
    ['enums.RelayDomain', domains],
    ['enums.SourceType', sources],
  ] as const) {
    if (value === undefined) report(self.mistake([], `a dialect needs ${what}`));
  }
  if (!header || !framing || !domains || !sources) return undefined;
  const types = resolveTypes(
    chain,
    { structs, structNames: [...structEntries.keys()], domains, framing },
    report,
  );
  if (failed) return undefined;
  return {
    name: self.name,
    description: self.shape.description,
    header,
    headers,
    domains,
    sources,
    types,
    vendorRange: framing.vendor,
    structs,
    enums,
    sockets: new Map(
      [...merged(chain, 'sockets', (file) => file.sockets)].map(([relay, socket]) => [
        relay,
        socket.shape,
      ]),
    ),
  };
}

/** The entries of a section, the last one of each name. */
function merged<Shape>(
  chain: readonly SchemaSource[],
  section: string,
  pick: (file: FileShape) => Readonly<Record<string, Shape>> | undefined,
): ReadonlyMap<string, Entry<Shape>> {
  const entries = new Map<string, Entry<Shape>>();
  for (const source of chain) {
    for (const [name, shape] of Object.entries(pick(source.shape) ?? {})) {
      entries.set(name, { shape, source, path: [section, name] });
    }
  }
  return entries;
}

function resolveEnums(
  chain: readonly SchemaSource[],
  report: Report,
): ReadonlyMap<string, EnumTable> {
  const tables = new Map<string, EnumTable>();
  for (const section of ['enums', 'flags'] as const) {
    const flags = section === 'flags';
    for (const [name, { shape, source, path }] of merged(chain, section, (file) => file[section])) {
      if (tables.has(name)) report(source.mistake(path, `"${name}" is also an enum`, 'key'));
      const names = new Map<number, string>();
      for (const [member, number] of Object.entries(shape)) {
        const other = names.get(number);
        if (other !== undefined)
          report(source.mistake([...path, member], `${number} is ${other} already`));
        if (flags && !isSingleBit(number))
          report(source.mistake([...path, member], `${number} is not a single bit`));
        names.set(number, member);
      }
      tables.set(name, { name, flags, names });
    }
  }
  return tables;
}

function isSingleBit(number: number): boolean {
  return number > 0 && Number.isInteger(Math.log2(number));
}

function resolveHeaders(
  chain: readonly SchemaSource[],
  report: Report,
): ReadonlyMap<string, HeaderLayout> {
  return new Map(
    [...merged(chain, 'headers', (file) => file.headers)].map(([name, entry]) => [
      name,
      layoutHeader(name, entry, report),
    ]),
  );
}

function chosenHeader(
  chain: readonly SchemaSource[],
  self: SchemaSource,
  headers: ReadonlyMap<string, HeaderLayout>,
  report: Report,
): HeaderLayout | undefined {
  const chooser = chain.findLast((source) => source.shape.header !== undefined);
  const choice = chooser?.shape.header;
  if (chooser === undefined || choice === undefined) {
    report(self.mistake([], 'a dialect needs header'));
    return undefined;
  }
  if (!headers.has(choice)) {
    const what = `no header is called "${choice}"${didYouMean(choice, headers.keys())}`;
    report(chooser.mistake(['header'], what));
    return undefined;
  }
  return headers.get(choice);
}

function layoutHeader(
  generation: string,
  { shape, source, path }: Entry<HeaderShape>,
  report: Report,
): HeaderLayout {
  const offsets = new Map<string, number>();
  let offset = 0;
  for (const [index, field] of shape.fields.entries()) {
    const fieldPath = [...path, 'fields', index];
    const name = HEADER_FIELDS.find((known) => known === field.name);
    const expected = name && HEADER_INTEGERS[name];
    if (expected === undefined) {
      const suggestion = didYouMean(field.name, HEADER_FIELDS);
      report(
        source.mistake([...fieldPath, 'name'], `a header has no "${field.name}"${suggestion}`),
      );
    } else if (field.type !== expected) {
      report(
        source.mistake([...fieldPath, 'type'], `${field.name} is ${expected}, not ${field.type}`),
      );
    }
    if (offsets.has(field.name))
      report(source.mistake([...fieldPath, 'name'], `"${field.name}" is there already`));
    if (field.offset !== undefined && field.offset !== offset)
      report(
        source.mistake([...fieldPath, 'offset'], `says ${field.offset}, it lies at ${offset}`),
      );
    offsets.set(field.name, offset);
    offset += isIntegerType(field.type) ? INTEGER_BYTES[field.type] : 0;
  }
  if (offset !== shape.size)
    report(source.mistake([...path, 'size'], `says ${shape.size}, the fields add up to ${offset}`));
  const missing = HEADER_FIELDS.filter((name) => !offsets.has(name));
  for (const name of missing)
    report(source.mistake([...path, 'fields'], `the field ${name} is missing`));
  const at = (name: keyof HeaderOffsets): number => offsets.get(name) ?? 0;
  return {
    generation,
    sizeBytes: shape.size,
    magic: shape.magic,
    offsets: {
      magic: at('magic'),
      relay_domain: at('relay_domain'),
      version: at('version'),
      source: at('source'),
      flags: at('flags'),
      sequence: at('sequence'),
      timestamp: at('timestamp'),
      payload_size: at('payload_size'),
      checksum: at('checksum'),
    },
  };
}

interface TypeContext {
  readonly structs: ReadonlyMap<string, StructLayout>;
  /** Also those that have mistakes and therefore no layout. */
  readonly structNames: readonly string[];
  readonly domains: EnumTable;
  readonly framing: FramingShape;
}

function resolveTypes(
  chain: readonly SchemaSource[],
  context: TypeContext,
  report: Report,
): ReadonlyMap<number, TlvType> {
  const entries = new Map<number, Entry<TlvTypeShape>>();
  for (const source of chain) {
    const here = new Set<number>();
    for (const [index, shape] of (source.shape.types ?? []).entries()) {
      const path = ['types', index];
      if (here.has(shape.number))
        report(source.mistake([...path, 'number'], `type ${shape.number} is there already`));
      here.add(shape.number);
      entries.set(shape.number, { shape, source, path });
    }
  }
  const names = new Map<string, number>();
  const types = new Map<number, TlvType>();
  for (const [number, entry] of [...entries].sort(([left], [right]) => left - right)) {
    const { shape, source, path } = entry;
    const other = names.get(shape.name);
    if (other !== undefined)
      report(source.mistake([...path, 'name'], `"${shape.name}" is type ${other} already`));
    names.set(shape.name, number);
    types.set(number, resolveType(entry, context, report));
  }
  return types;
}

function resolveType(
  { shape, source, path }: Entry<TlvTypeShape>,
  { structs, structNames, domains, framing }: TypeContext,
  report: Report,
): TlvType {
  const { number } = shape;
  const vendor = number >= framing.vendor.first && number <= framing.vendor.last;
  const allowed = vendor
    ? ['vendor']
    : number === framing.extended.marker
      ? ['framing']
      : [...domains.names.values()];
  if (!allowed.includes(shape.domain)) {
    const what = `the domain of type ${number} is one of ${allowed.join(', ')}, not "${shape.domain}"`;
    report(source.mistake([...path, 'domain'], what + didYouMean(shape.domain, allowed)));
  }
  const struct = shape.struct === undefined ? undefined : structs.get(shape.struct);
  if (shape.struct !== undefined && !structNames.includes(shape.struct)) {
    const what = `no struct is called "${shape.struct}"${didYouMean(shape.struct, structNames)}`;
    report(source.mistake([...path, 'struct'], what));
  }
  return {
    number,
    name: vendor ? `Vendor:${shape.name}` : shape.name,
    domain: shape.domain,
    size: sizeRule(shape.size, (what) => report(source.mistake([...path, 'size'], what))),
    struct,
  };
}

function sizeRule(text: string, report: (what: string) => void): SizeRule {
  if (text === 'any') return { kind: 'variable' };
  const [min = 0, max] = text.split('..').map(Number);
  if (max === undefined) return { kind: 'fixed', bytes: min };
  if (min > max) report(`${min} is more than ${max}`);
  return { kind: 'bounded', min, max };
}
