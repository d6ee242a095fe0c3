/** `relaydiff schema`: what the protocol schemas say, and whether one's own are right. */
import { Command, Option } from 'commander';
import {
  type ByteRow,
  byteRows,
  fileText,
  headerOrderText,
  headerRows,
  sizeRuleText,
  structSizeText,
} from '../inspect/byte-table.ts';
import { type Definition, findDefinition } from '../inspect/find-definition.ts';
import { schemaDocs } from '../inspect/schema-docs.ts';
import { type Contribution, contributionsOf, type Counts } from '../protocol/contributions.ts';
import { EXPORT_FORMATS, type ExportFormat, exportSchema } from '../protocol/export/index.ts';
import { loadProtocolWith, readBuiltInSchemas, readSchemaFiles } from '../protocol/files.ts';
import type {
  Dialect,
  EnumTable,
  RecordFileLayout,
  StructLayout,
  TlvType,
} from '../protocol/types.ts';
import { DEFAULT_DIALECT, dialectOption, schemaOption } from './options.ts';
import { writeFile, writeOut } from './output.ts';
import { plainTable } from './plain-table.ts';

interface SchemaOptions {
  readonly schema: readonly string[];
}

interface ExportOptions extends SchemaOptions {
  readonly format: ExportFormat;
  readonly dialect: string;
  readonly out?: string;
}

const EXAMPLE = `
Examples:
  relaydiff schema list
  relaydiff schema show Trade --dialect alphapulse-v2-packed
  relaydiff schema show header
  relaydiff schema export --format wireshark --out protocol-v2.lua
  relaydiff schema check desk.yaml && relaydiff decode --schema desk.yaml frames.bin`;

export function schemaCommand(): Command {
  return new Command('schema')
    .description('what the protocol schemas say, and whether your own are right')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(checkCommand())
    .addCommand(docsCommand())
    .addCommand(exportCommand())
    .addHelpText('after', EXAMPLE);
}

function listCommand(): Command {
  return new Command('list')
    .description('the dialects: header order, domain numbers, how much they describe')
    .addOption(schemaOption())
    .option('--json', 'print JSON', false)
    .action(async (options: SchemaOptions & { readonly json: boolean }) => {
      const protocol = loadProtocolWith(options.schema);
      const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));
      await writeOut(
        options.json
          ? `${JSON.stringify(dialects.map(listed))}\n`
          : dialects.map(describeDialect).join('\n'),
      );
    });
}

function listed(dialect: Dialect): object {
  const { name, description, header, headerFields, domains, types, structs, enums } = dialect;
  const fields = headerFields.get(header.generation) ?? [];
  return {
    name,
    description,
    header: { name: header.generation, fields: fields.map((field) => field.name) },
    domains: Object.fromEntries([...domains.names].map(([number, domain]) => [domain, number])),
    types: types.size,
    structs: structs.size,
    enums: enums.size,
    files: [...dialect.files.keys()],
  };
}

function describeDialect(dialect: Dialect): string {
  const { name, description, types, structs, enums, domains } = dialect;
  return `${name}: ${description}
  header   ${headerOrderText(dialect)}
  domains  ${membersText(domains)}
  holds    ${types.size} types, ${structs.size} structs, ${enums.size} enums
  files    ${[...dialect.files.keys()].join(', ') || 'none'}
`;
}

function showCommand(): Command {
  return new Command('show')
    .description('a type, struct, enum, file or the header as a table of its bytes')
    .argument('<type>', 'number, Trade, Vendor:PoolInfo, TradeTLV, VenueId, PoolCache or header')
    .addOption(dialectOption('dialect to look into').default(DEFAULT_DIALECT))
    .addOption(schemaOption())
    .action(async (query: string, options: SchemaOptions & { readonly dialect: string }) => {
      const dialect = loadProtocolWith(options.schema).dialect(options.dialect);
      await writeOut(`${describeDefinition(dialect, findDefinition(dialect, query))}\n`);
    });
}

function describeDefinition(dialect: Dialect, definition: Definition): string {
  switch (definition.kind) {
    case 'header': {
      const { header, headerFields } = dialect;
      const rows = headerRows(headerFields.get(header.generation) ?? []);
      const title = `header ${header.generation} of ${dialect.name}, ${header.sizeBytes} bytes`;
      return `${title}\n\n${byteTable(rows)}`;
    }
    case 'type':
      return describeType(dialect, definition.type);
    case 'struct':
      return `${dialect.name}: ${describeStruct(definition.struct)}`;
    case 'enum':
      return describeEnum(dialect, definition.table);
    case 'file':
      return describeFile(dialect, definition.file);
  }
}

function describeType(dialect: Dialect, { number, name, domain, size, struct }: TlvType): string {
  const declared = sizeRuleText(size);
  const bytes = declared === 'any' ? 'of any size' : `declared ${declared} bytes`;
  const title = `${dialect.name}: type ${number}, ${name}, ${domain}, ${bytes}`;
  return struct === undefined
    ? `${title}\nno struct is known; the value is kept as bytes`
    : `${title}\n${describeStruct(struct)}`;
}

function describeStruct(struct: StructLayout): string {
  const facts = [struct.note, struct.source].filter((text) => text !== undefined);
  const title = `struct ${struct.name}, ${structSizeText(struct)}`;
  return `${[title, ...facts].join('\n  ')}\n\n${byteTable(byteRows(struct))}`;
}

function describeFile(dialect: Dialect, file: RecordFileLayout): string {
  const structs = [...(file.header === undefined ? [] : [file.header]), file.record];
  const parts = [
    `${dialect.name}: file ${file.name}`,
    ...(file.note === undefined ? [] : [`  ${file.note}`]),
    `  ${fileText(file)}`,
  ];
  return [parts.join('\n'), ...structs.map(describeStruct)].join('\n\n');
}

function describeEnum(dialect: Dialect, { name, flags, names }: EnumTable): string {
  const title = `${dialect.name}: ${flags ? 'bits' : 'numbers'} of ${name}`;
  const rows = [...names].map(([number, member]) => [String(number), member]);
  return `${title}\n\n${plainTable(['number', 'name'], ['number'], rows)}`;
}

function byteTable(rows: readonly ByteRow[]): string {
  const cells = rows.map(({ depth, offset, size, type, field, meaning }) => [
    offset,
    size,
    type,
    `${'  '.repeat(depth)}${field}`,
    meaning,
  ]);
  return plainTable(['offset', 'size', 'type', 'field', 'meaning'], ['offset', 'size'], cells);
}

function checkCommand(): Command {
  return new Command('check')
    .description('check schema files of your own on top of those that come with relaydiff')
    .argument('<file...>', 'schemas; schemas/protocol/README.md describes the format')
    .action(async (files: readonly string[]) => {
      const contributions = contributionsOf(readBuiltInSchemas(), readSchemaFiles(files));
      await writeOut(contributions.map((each) => `ok: ${contributionText(each)}\n`).join(''));
    });
}

function contributionText(contribution: Contribution): string {
  const { kind, file } = contribution;
  if (kind === 'abstract') return `is right, for other schemas to extend (${file})`;
  if (kind === 'dialect') {
    const { dialect, header, types, structs } = contribution;
    return `makes the dialect ${dialect}: header ${header}, ${types} types, ${structs} structs (${file})`;
  }
  const { dialect, adds, extends: extended, replaces } = contribution;
  const numbers = extended.length === 0 ? '' : `, numbers to ${extended.join(', ')}`;
  const replaced = replaces.length === 0 ? '' : `, replaces ${replaces.join(', ')}`;
  return `adds ${countsText(adds)} to ${dialect}${numbers}${replaced} (${file})`;
}

function countsText({ types, structs, enums, sockets, files }: Counts): string {
  const counts: readonly (readonly [number, string])[] = [
    [types, 'type'],
    [structs, 'struct'],
    [enums, 'enum'],
    [sockets, 'socket'],
    [files, 'file'],
  ];
  const parts = counts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}${count === 1 ? '' : 's'}`);
  return parts.length === 0 ? 'nothing new' : parts.join(', ');
}

function docsCommand(): Command {
  return new Command('docs')
    .description('the whole protocol as one Markdown page')
    .addOption(schemaOption())
    .option('--out <file>', 'write it there instead of on stdout')
    .action(async (options: SchemaOptions & { readonly out?: string }) => {
      await writeText(schemaDocs(loadProtocolWith(options.schema)), options.out);
    });
}

function exportCommand(): Command {
  return new Command('export')
    .description(
      'a dialect for other programs to read: Lua for Wireshark, a .ksy for Kaitai Struct',
    )
    .addOption(
      new Option('--format <name>', 'what to write').choices(EXPORT_FORMATS).makeOptionMandatory(),
    )
    .addOption(dialectOption('dialect to export').default(DEFAULT_DIALECT))
    .addOption(schemaOption())
    .option('--out <file>', 'write it there instead of on stdout')
    .action(async (options: ExportOptions) => {
      const dialect = loadProtocolWith(options.schema).dialect(options.dialect);
      await writeText(exportSchema(options.format, dialect), options.out);
    });
}

async function writeText(text: string, file: string | undefined): Promise<void> {
  if (file === undefined) await writeOut(text);
  else writeFile(file, text);
}

function membersText({ names }: EnumTable): string {
  return [...names].map(([number, name]) => `${number} ${name}`).join(', ');
}
