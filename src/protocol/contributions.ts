/** What the files of a user change: for each dialect, what is new in it and what stands for something else. */
import { isAddition, namesAt } from './additions.ts';
import { loadProtocol, type Protocol, type SchemaTexts } from './load.ts';
import { readSchemaSource, type SchemaSource } from './schema-source.ts';
import type { Dialect } from './types.ts';

export type Contribution =
  | {
      readonly kind: 'dialect';
      readonly file: string;
      readonly dialect: string;
      readonly header: string;
      readonly types: number;
      readonly structs: number;
    }
  /** A schema that others may extend. */
  | { readonly kind: 'abstract'; readonly file: string }
  | {
      readonly kind: 'addition';
      readonly file: string;
      readonly dialect: string;
      readonly adds: Counts;
      /** Enums of the dialect that get further numbers. */
      readonly extends: readonly string[];
      /** `type 1 (Trade)`, `struct TradeTLV`. */
      readonly replaces: readonly string[];
    };

export interface Counts {
  readonly types: number;
  readonly structs: number;
  readonly enums: number;
  readonly sockets: number;
  readonly files: number;
}

/** Throws SCHEMA_INVALID when anything is wrong with the files, or with what they make of the dialects. */
export function contributionsOf(builtIn: SchemaTexts, user: SchemaTexts): readonly Contribution[] {
  const texts = [...user];
  const before = loadProtocol(builtIn);
  const after = loadProtocol([...builtIn, ...texts]);
  return texts.flatMap(([file, text]) => {
    const read = readSchemaSource(file, text);
    return 'source' in read ? contributions(read.source, before, after) : [];
  });
}

function contributions(
  source: SchemaSource,
  before: Protocol,
  after: Protocol,
): readonly Contribution[] {
  const { file, name, shape } = source;
  if (shape.abstract === true) return [{ kind: 'abstract', file }];
  if (!isAddition(source)) {
    const { header, types, structs } = after.dialect(name);
    const counts = { types: types.size, structs: structs.size };
    return [{ kind: 'dialect', file, dialect: name, header: header.generation, ...counts }];
  }
  return namesAt(source, 'adds_to').map(({ name: dialect }) => {
    // A dialect of another of the files has nothing of relaydiff's own that could be replaced.
    const known = before.dialectNames.includes(dialect) ? before.dialect(dialect) : undefined;
    return { kind: 'addition', file, dialect, ...changes(source, known) };
  });
}

function changes(
  { shape }: SchemaSource,
  before: Dialect | undefined,
): Pick<Contribution & { kind: 'addition' }, 'adds' | 'extends' | 'replaces'> {
  const types = shape.types ?? [];
  const structs = Object.keys(shape.structs ?? {});
  const enums = Object.keys({ ...shape.enums, ...shape.flags });
  const sockets = Object.keys(shape.sockets ?? {});
  const files = Object.keys(shape.files ?? {});
  const replacedTypes = types.flatMap(({ number }) => before?.types.get(number) ?? []);
  const replacedStructs = structs.filter((name) => before?.structs.has(name));
  const extended = enums.filter((name) => before?.enums.has(name));
  const replacedFiles = files.filter((name) => before?.files.has(name));
  const replacedSockets = sockets.filter((name) => before?.sockets.has(name));
  return {
    adds: {
      types: types.length - replacedTypes.length,
      structs: structs.length - replacedStructs.length,
      enums: enums.length - extended.length,
      sockets: sockets.length - replacedSockets.length,
      files: files.length - replacedFiles.length,
    },
    extends: extended,
    replaces: [
      ...replacedTypes.map(({ number, name }) => `type ${number} (${name})`),
      ...replacedStructs.map((name) => `struct ${name}`),
      ...replacedSockets.map((name) => `socket of ${name}`),
      ...replacedFiles.map((name) => `file ${name}`),
    ],
  };
}
