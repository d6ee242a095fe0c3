/**
 * The protocol as one Markdown page, from the schemas: what all dialects share is written once, with the
 * dialects that it holds for. The same schemas give the same text.
 */
import type { Protocol } from '../protocol/load.ts';
import type {
  Dialect,
  EnumTable,
  RecordFileLayout,
  StructLayout,
  TlvType,
} from '../protocol/types.ts';
import {
  type ByteRow,
  byteRows,
  fileText,
  headerOrderText,
  headerRows,
  sizeRuleText,
  structSizeText,
} from './byte-table.ts';

const INTRODUCTION = `# Protocol V2, in all its dialects

<!-- Generated from schemas/protocol/ by: relaydiff schema docs --out docs/protocol.md -->

A message is a header of 32 bytes and TLVs, one after the other, without padding between them. Integers are
little-endian unless it is said. The checksum is the CRC-32 of all bytes of the message but its own four; 0
means that it was not computed. An offset like \`+2\` counts from the start of an element or of a FixedVec, one
like \`24..\` is pushed back by what the lists before it hold. \`relaydiff schema show NAME\` prints any of this on
the terminal.
`;

export function schemaDocs(protocol: Protocol): string {
  const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));
  return [
    INTRODUCTION,
    dialectSection(dialects),
    headerSection(dialects),
    framingSection(dialects),
    registrySection(dialects),
    structSection(dialects),
    enumSection(dialects),
    fileSection(dialects),
  ].join('\n');
}

function dialectSection(dialects: readonly Dialect[]): string {
  const rows = dialects.map(({ name, header, domains, types, structs, description }) => [
    code(name),
    header.generation,
    members(domains),
    String(types.size),
    String(structs.size),
    description,
  ]);
  const head = ['dialect', 'header', 'domains', 'types', 'structs', 'what it is'];
  return `## Dialects\n\n${table(head, rows)}`;
}

function headerSection(dialects: readonly Dialect[]): string {
  const own = (dialect: Dialect): readonly (readonly [string, Dialect])[] => [
    [dialect.header.generation, dialect],
  ];
  const sections = grouped(dialects, own, headerOrderText).map(({ name, variants }) => {
    const tables = variants.map(({ item, holders }) => {
      const fields = item.headerFields.get(item.header.generation) ?? [];
      const { sizeBytes } = item.header;
      return `${sizeBytes} bytes, in ${listed(holders)}.\n\n${byteTable(headerRows(fields))}`;
    });
    return `### Header ${name}\n\n${tables.join('\n')}`;
  });
  return `## Headers\n\n${sections.join('\n')}`;
}

function framingSection(dialects: readonly Dialect[]): string {
  const ranges = new Set(
    dialects.map(({ vendorRange }) => `${vendorRange.first} to ${vendorRange.last}`),
  );
  const rows = [
    ['standard', '`[type u8] [length u8] [value]`', '255'],
    ['extended', '`[255] [0] [type u8] [length u16] [value]`', '65535'],
  ];
  return `## TLV heads

${table(['form', 'bytes', 'longest value'], rows)}
Builders use the extended form for values that need it, parsers take it for any. Vendors use the types ${[...ranges].join(', ')}.
`;
}

function registrySection(dialects: readonly Dialect[]): string {
  const kinds = grouped(
    dialects,
    (dialect) => [...dialect.types].map(([number, type]) => [String(number), type]),
    ({ name, domain, size, struct }) => [name, domain, size, struct?.name],
  );
  kinds.sort((left, right) => Number(left.name) - Number(right.name));
  const rows = kinds.flatMap(({ name: number, variants }) =>
    variants.map(({ item, holders }) => [
      number,
      item.name,
      item.domain,
      sizeRuleText(item.size),
      structLink(item),
      holders.length === dialects.length ? 'all' : listed(holders),
    ]),
  );
  const head = ['type', 'name', 'domain', 'declared bytes', 'struct', 'dialects'];
  return `## Types

The declared size is the registry's; real publishers send the struct, whatever the registry says.

${table(head, rows)}`;
}

function structLink({ struct }: TlvType): string {
  return struct === undefined ? '-' : `[${struct.name}](#${struct.name.toLowerCase()})`;
}

function structSection(dialects: readonly Dialect[]): string {
  // A FixedVec is shown where it stands.
  const named = (dialect: Dialect): readonly (readonly [string, StructLayout])[] =>
    [...dialect.structs].filter(([name]) => !name.includes('<'));
  const identity = (struct: StructLayout): unknown => [
    byteRows(struct),
    structSizeText(struct),
    struct.note,
    struct.source,
  ];
  const sections = grouped(dialects, named, identity).map(({ name, variants }) => {
    const parts = variants.map(({ item, holders }) => {
      const source = item.source === undefined ? '' : ` Source: ${escaped(item.source)}.`;
      const note = item.note === undefined ? '' : ` Note: ${escaped(item.note)}.`;
      const first = `**${structSizeText(item)}** in ${listed(holders)}.${note}${source}`;
      return `${first}\n\n${byteTable(byteRows(item))}`;
    });
    return `### ${name}\n\n${parts.join('\n')}`;
  });
  return `## Structs\n\n${sections.join('\n')}`;
}

function enumSection(dialects: readonly Dialect[]): string {
  const identity = ({ flags, names }: EnumTable): unknown => [flags, [...names]];
  const sections = grouped(dialects, ({ enums }) => [...enums], identity).map(
    ({ name, variants }) => {
      const parts = variants.map(({ item, holders }) => {
        const bits = item.flags ? ' Each is one bit.' : '';
        return `In ${listed(holders)}:${bits} ${members(item)}\n`;
      });
      return `### ${name}\n\n${parts.join('\n')}`;
    },
  );
  return `## Enums\n\n${sections.join('\n')}`;
}

function fileSection(dialects: readonly Dialect[]): string {
  const identity = (file: RecordFileLayout): unknown => [fileText(file), file.note];
  const rows = grouped(dialects, ({ files }) => [...files], identity).flatMap(
    ({ name, variants }) =>
      variants.map(({ item, holders }) => [
        name,
        escaped(item.note ?? ''),
        fileText(item),
        holders.length === dialects.length ? 'all' : listed(holders),
      ]),
  );
  return `## Files

Records back to back, without TLV framing. \`relaydiff decode --file-format auto FILE\` reads them.

${table(['file', 'what it is', 'layout', 'dialects'], rows)}`;
}

interface Grouped<T> {
  readonly name: string;
  /** The different things that the dialects call so. */
  readonly variants: readonly { readonly item: T; readonly holders: readonly string[] }[];
}

/** By name, in alphabetical order; things of one identity are one. */
function grouped<T>(
  dialects: readonly Dialect[],
  pick: (dialect: Dialect) => readonly (readonly [string, T])[],
  identity: (item: T) => unknown,
): Grouped<T>[] {
  const names = new Map<string, Map<string, { item: T; holders: string[] }>>();
  for (const dialect of dialects) {
    for (const [name, item] of pick(dialect)) {
      const variants = names.get(name) ?? new Map<string, { item: T; holders: string[] }>();
      names.set(name, variants);
      const key = JSON.stringify(identity(item));
      const variant = variants.get(key);
      if (variant === undefined) variants.set(key, { item, holders: [dialect.name] });
      else variant.holders.push(dialect.name);
    }
  }
  return [...names]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, variants]) => ({ name, variants: [...variants.values()] }));
}

function byteTable(rows: readonly ByteRow[]): string {
  return table(
    ['offset', 'size', 'type', 'field', 'meaning'],
    rows.map(({ depth, offset, size, type, field, meaning }) => [
      offset,
      size,
      code(type),
      `${'· '.repeat(depth)}${field}`,
      escaped(meaning),
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return `${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function members({ names }: EnumTable): string {
  return [...names].map(([number, name]) => `${number} ${name}`).join(', ');
}

function listed(names: readonly string[]): string {
  return names.map(code).join(', ');
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Notes are free text; a bar would end a cell, and a tag would be one. */
function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
