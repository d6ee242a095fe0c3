/** What other programs read the protocol with: files generated from a dialect. Pure. */
import { assertNever } from '../../lib/assert.ts';
import type { Dialect } from '../types.ts';
import { kaitaiSpecification } from './kaitai.ts';
import { wiresharkDissector } from './wireshark.ts';

export type ExportFormat = 'wireshark' | 'kaitai';
export const EXPORT_FORMATS: readonly ExportFormat[] = ['wireshark', 'kaitai'];

/** `wireshark`: a Lua dissector; `kaitai`: a `.ksy`. The whole file as text. */
export function exportSchema(format: ExportFormat, dialect: Dialect): string {
  switch (format) {
    case 'wireshark':
      return wiresharkDissector(dialect);
    case 'kaitai':
      return kaitaiSpecification(dialect);
    default:
      return assertNever(format, 'export format');
  }
}
