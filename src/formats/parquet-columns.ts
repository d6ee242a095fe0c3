/** The columns of the Parquet file: their names and types, and a row of them. docs/interoperability.md explains each. */
import type { ParquetWriter } from 'hyparquet-writer';

/** What belongs to no frame is null. Bytes are valid until the row group is written. */
export interface ParquetRow {
  readonly kind: 'frame' | 'defect' | 'tail' | 'gap';
  readonly connection: number;
  readonly label: string;
  readonly stream: string;
  readonly ordinal: bigint | null;
  readonly time_ns: bigint;
  readonly arrived: bigint;
  readonly offset: bigint;
  readonly length: bigint;
  readonly domain: number | null;
  readonly domain_name: string | null;
  readonly source: number | null;
  readonly source_name: string | null;
  readonly version: number | null;
  readonly flags: number | null;
  readonly sequence: bigint | null;
  readonly timestamp: bigint | null;
  readonly checksum: string | null;
  readonly tlv_types: readonly number[];
  readonly tlv_names: readonly string[];
  readonly defect: string | null;
  readonly detail: string | null;
  readonly bytes: Uint8Array;
  readonly message: string;
}

type Element = ParquetWriter['schema'][number];

const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
const WHOLE = { type: 'INT64' } as const;
const SMALL = { type: 'INT32' } as const;
/** Without a logical type: the library leaves a false out of it, and strict readers refuse the file. */
const UNSIGNED = { type: 'INT64', converted_type: 'UINT_64' } as const;
const INSTANT = {
  type: 'INT64',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
} as const;

type Primitive = Omit<Element, 'name' | 'repetition_type'>;

/** The elements of a column, given its name. */
type Column = (name: string) => readonly Element[];

function always(type: Primitive): Column {
  return (name) => [{ name, repetition_type: 'REQUIRED', ...type }];
}

function maybe(type: Primitive): Column {
  return (name) => [{ name, repetition_type: 'OPTIONAL', ...type }];
}

function list(type: Primitive): Column {
  return (name) => [
    { name, repetition_type: 'REQUIRED', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', ...type },
  ];
}

/** In the order of the file. */
const COLUMNS: Readonly<Record<keyof ParquetRow, Column>> = {
  kind: always(TEXT),
  connection: always(SMALL),
  label: always(TEXT),
  stream: always(TEXT),
  ordinal: maybe(WHOLE),
  time_ns: always(WHOLE),
  arrived: always(INSTANT),
  offset: always(WHOLE),
  length: always(WHOLE),
  domain: maybe(SMALL),
  domain_name: maybe(TEXT),
  source: maybe(SMALL),
  source_name: maybe(TEXT),
  version: maybe(SMALL),
  flags: maybe(SMALL),
  sequence: maybe(UNSIGNED),
  timestamp: maybe(UNSIGNED),
  checksum: maybe(TEXT),
  tlv_types: list(SMALL),
  tlv_names: list(TEXT),
  defect: maybe(TEXT),
  detail: maybe(TEXT),
  bytes: always({ type: 'BYTE_ARRAY' }),
  message: always(TEXT),
};

export const PARQUET_SCHEMA: readonly Element[] = [
  { name: 'messages', num_children: Object.keys(COLUMNS).length },
  ...Object.entries(COLUMNS).flatMap(([name, column]) => column(name)),
];

type WrittenColumn = Parameters<ParquetWriter['write']>[0]['columnData'][number];

/** Nearly every value is another one: to look for equal ones costs more than it saves. */
const NEVER_THE_SAME: ReadonlySet<string> = new Set(['bytes', 'message']);

/** The values of some rows, a column after the other. */
export function columnsOf(rows: readonly ParquetRow[]): readonly WrittenColumn[] {
  return Object.keys(COLUMNS)
    .filter((name): name is keyof ParquetRow => name in COLUMNS)
    .map((name) => ({
      name,
      data: rows.map((row) => row[name]),
      // Places of pages would be kept until the end of the file.
      offsetIndex: false,
      ...(NEVER_THE_SAME.has(name) && { encoding: 'PLAIN', statistics: false }),
    }));
}
