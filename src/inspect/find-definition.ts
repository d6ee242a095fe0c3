/** What somebody means by a word in a dialect: a TLV type, a struct, an enum, a file, or the header. */
import { OperatingError } from '../lib/operating-error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type {
  Dialect,
  EnumTable,
  RecordFileLayout,
  StructLayout,
  TlvType,
} from '../protocol/types.ts';

export type Definition =
  | { readonly kind: 'header' }
  | { readonly kind: 'type'; readonly type: TlvType }
  | { readonly kind: 'struct'; readonly struct: StructLayout }
  | { readonly kind: 'enum'; readonly table: EnumTable }
  | { readonly kind: 'file'; readonly file: RecordFileLayout };

const HEADER = 'header';
const VENDOR_PREFIX = 'Vendor:';

/**
 * A number, `Trade`, `Vendor:PoolInfo` or `PoolInfo`, `TradeTLV`, `VenueId`, `PoolCache`, `header`; upper and lower case are the
 * same. Throws USAGE.
 */
export function findDefinition(dialect: Dialect, query: string): Definition {
  if (/^\d+$/.test(query)) return typeByNumber(dialect, Number(query));
  const wanted = query.toLowerCase();
  if (wanted === HEADER) return { kind: 'header' };
  const isWanted = (name: string): boolean => name.toLowerCase() === wanted;
  const type = [...dialect.types.values()].find(
    ({ name }) => isWanted(name) || isWanted(name.replace(VENDOR_PREFIX, '')),
  );
  if (type !== undefined) return { kind: 'type', type };
  const struct = [...dialect.structs.values()].find(({ name }) => isWanted(name));
  if (struct !== undefined) return { kind: 'struct', struct };
  const table = [...dialect.enums.values()].find(({ name }) => isWanted(name));
  if (table !== undefined) return { kind: 'enum', table };
  const file = [...dialect.files.values()].find(({ name }) => isWanted(name));
  if (file !== undefined) return { kind: 'file', file };
  const types = [...dialect.types.values()].map(({ name }) => name);
  const { structs, enums, files } = dialect;
  const known = [HEADER, ...types, ...structs.keys(), ...enums.keys(), ...files.keys()];
  throw nothingCalled(
    `${dialect.name} has no type, struct, enum or file called "${query}"${didYouMean(query, known)}`,
  );
}

function typeByNumber(dialect: Dialect, number: number): Definition {
  const type = dialect.types.get(number);
  if (type !== undefined) return { kind: 'type', type };
  const { first, last } = dialect.vendorRange;
  throw nothingCalled(
    `type ${number} is in no registry of ${dialect.name}; vendors use ${first} to ${last}`,
  );
}

function nothingCalled(message: string): OperatingError {
  const hint = 'relaydiff schema docs prints all there is; --dialect looks into another dialect.';
  return new OperatingError('USAGE', message, { hint });
}
