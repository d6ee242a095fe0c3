/**
 * Bytes of a message as `messages --json` and `decode --json` print it: the counterpart of messages.ts.
 * What was no frame is written back from its hex.
 */
import { z } from 'zod';
import { parseHex } from '../lib/bytes.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { type EncodableMessage, encodeMessage } from '../protocol/encode.ts';
import type { Dialect, FieldValues } from '../protocol/types.ts';

/**
 * - `keep`: a checksum that was valid is computed anew, zero stays zero, a wrong one stays the number it is;
 *   one of which nothing is said is computed.
 * - `valid`: always computed.   - `zero`: always 0, which means not computed.
 */
export const CHECKSUM_MODES = ['keep', 'valid', 'zero'] as const;
export type ChecksumMode = (typeof CHECKSUM_MODES)[number];

const number = z.union([z.int(), z.string()], { error: 'expected a whole number' });

const recordShape = z.object({
  header: z
    .object({
      magic: z.int().exactOptional(),
      relay_domain: z.int(),
      version: z.int(),
      source: z.int(),
      flags: z.int(),
      sequence: number.transform(String),
      timestamp: number.transform(String),
      checksum: z.int().exactOptional(),
    })
    .optional(),
  checksum: z.enum(['valid', 'zero', 'wrong']).optional(),
  tlvs: z
    .array(
      z.object({
        type: z.int().min(0).max(255),
        extended: z.boolean().optional(),
        layout: z.string().optional(),
        fields: z.custom<FieldValues>(
          isFields,
          'expected fields: numbers, texts, lists and fields',
        ),
      }),
    )
    .optional(),
  defect: z.object({ hex: z.string() }).optional(),
  gap: z.unknown().optional(),
});

type RecordShape = z.infer<typeof recordShape>;

/** `line`: one JSON object. Throws MESSAGE_INVALID with the place of the field. */
export function messageBytes(dialect: Dialect, line: string, mode: ChecksumMode): Uint8Array {
  const record = parseRecord(line);
  const { header, tlvs, defect } = record;
  // What is missing from the capture has no bytes.
  if (record.gap !== undefined) return new Uint8Array(0);
  const undecoded = defect === undefined ? undefined : bytesOf(defect.hex);
  if (header === undefined) {
    if (undecoded !== undefined) return undecoded;
    throw invalid('neither header and tlvs nor defect');
  }
  if (tlvs === undefined) throw invalid('tlvs: missing beside header');
  try {
    return encodeMessage(
      dialect,
      { header, tlvs: tlvs.map(asEncodable), ...(undecoded && { undecoded }) },
      checksumOf(record, mode),
    );
  } catch (error) {
    // What encodeMessage says of values that do not fit: the path of the field and why.
    if (error instanceof TypeError || error instanceof RangeError) throw invalid(error.message);
    throw error;
  }
}

function parseRecord(line: string): RecordShape {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
  const checked = recordShape.safeParse(data);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const path = (issue?.path ?? []).reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${String(step)}`),
    '',
  );
  const reason = issue?.message.replace(/^Invalid (input|option): /, '') ?? 'is no message';
  throw invalid(path === '' ? reason : `${path.slice(1)}: ${reason}`);
}

type TlvShape = NonNullable<RecordShape['tlvs']>[number];

function asEncodable({
  type,
  extended,
  layout,
  fields,
}: TlvShape): EncodableMessage['tlvs'][number] {
  return {
    type,
    fields,
    ...(extended === undefined ? {} : { extended }),
    ...(layout === undefined ? {} : { layout }),
  };
}

function checksumOf({ header, checksum }: RecordShape, mode: ChecksumMode): ChecksumMode {
  if (mode !== 'keep') return mode;
  if (checksum === 'valid' || checksum === 'zero') return checksum;
  // Without its number even a wrong checksum can only be refused, which is what encodeMessage does.
  return checksum === 'wrong' || header?.checksum !== undefined ? 'keep' : 'valid';
}

function bytesOf(hex: string): Uint8Array {
  const parsed = parseHex(hex);
  if ('bytes' in parsed) return parsed.bytes;
  throw invalid(`defect.hex: ${parsed.error.reason}, at character ${parsed.error.position + 1}`);
}

function isFields(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isValue(value);
}

/** What JSON knows and fields do not: true, false and null. */
function isValue(value: unknown): boolean {
  if (typeof value === 'number' || typeof value === 'string') return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every(isValue);
}

function invalid(message: string): OperatingError {
  return new OperatingError('MESSAGE_INVALID', message, {
    hint: 'Give lines as relaydiff decode --json prints them; schema show prints the fields of a type.',
  });
}
