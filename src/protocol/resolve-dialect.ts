/**
 * Puts a dialect together from its chain of schemas: later entries replace earlier ones of the same name,
 * then every name is looked up. Headers are resolve-headers.ts, struct layouts resolve-structs.ts.
 */
import { bothAdd, merged } from './merge-entries.ts';
import { chosenHeader, headerFields, resolveHeaders } from './resolve-headers.ts';
import { resolveFiles } from './resolve-files.ts';
import { resolveStructs } from './resolve-structs.ts';
import type { FramingShape, TlvTypeShape } from './schema-shape.ts';
import type { Entry, Report, SchemaSource } from './schema-source.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { Dialect, EnumTable, SizeRule, StructLayout, TlvType } from './types.ts';

/**
 * `chain`: bases first, then the dialect itself, then what others add to it. Undefined when a mistake was
 * reported.
 */
export function resolveDialect(
  self: SchemaSource,
  chain: readonly SchemaSource[],
  reportMistake: Report,
): Dialect | undefined {
  let failed = false;
  const report: Report = (mistake) => {
    failed = true;
    reportMistake(mistake);
  };
  const enums = resolveEnums(chain, report);
  const structEntries = merged(chain, 'structs', (file) => file.structs, { report });
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
  const files = resolveFiles(chain, structs, report);
  if (failed) return undefined;
  return {
    name: self.name,
    description: self.shape.description,
    header,
    headers,
    headerFields: headerFields(chain),
    domains,
    sources,
    types,
    vendorRange: framing.vendor,
    structs,
    enums,
    files,
    sockets: new Map(
      [...merged(chain, 'sockets', (file) => file.sockets)].map(([relay, socket]) => [
        relay,
        socket.shape,
      ]),
    ),
  };
}

type Numbering = Readonly<Record<string, number>>;

/** An addition names further numbers, or some of them anew. */
function withMembers(before: Numbering, own: Numbering): Numbering {
  const numbers = new Set(Object.values(own));
  const kept = Object.entries(before).filter(([, number]) => !numbers.has(number));
  return { ...Object.fromEntries(kept), ...own };
}

function resolveEnums(
  chain: readonly SchemaSource[],
  report: Report,
): ReadonlyMap<string, EnumTable> {
  const tables = new Map<string, EnumTable>();
  for (const section of ['enums', 'flags'] as const) {
    const flags = section === 'flags';
    const entries = merged(chain, section, (file) => file[section], { add: withMembers });
    for (const [name, { shape, source, path }] of entries) {
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
      const before = entries.get(shape.number)?.source;
      if (before !== undefined && bothAdd(before, source))
        report(
          source.mistake([...path, 'number'], `type ${shape.number} is in ${before.file} already`),
        );
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
