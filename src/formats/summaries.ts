/** What an export and an import did, as `--json` prints it (schemas/json/export.schema.json, import.schema.json). */
import { z } from 'zod';

const count = z.int().nonnegative();

export const EXPORT_FORMATS = ['pcapng', 'ndjson', 'msgpack', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const EXPORT_SHAPE = z.object({
  format: z.literal('relaydiff-export/1'),
  input: z.string(),
  output: z.string(),
  as: z.enum(EXPORT_FORMATS),
  bytes: count.describe('size of the output'),
  counts: z.record(z.string(), count).describe('what is in it, by the words of its format'),
});

export type ExportSummary = z.infer<typeof EXPORT_SHAPE>;

export const IMPORT_SHAPE = z.object({
  format: z.literal('relaydiff-import/1'),
  input: z.string(),
  output: z.string(),
  as: z.enum(['pcapng', 'pcap', 'ndjson', 'msgpack']).describe('what the input was read as'),
  counts: z.record(z.string(), count).describe('what is in the new capture'),
  cutOff: z
    .string()
    .nullable()
    .describe('why only the beginning of the input was taken; null: all of it was'),
  verdict: z
    .enum(['whole', 'incomplete'])
    .describe('of the new capture, as verify gives it; incomplete: bytes are missing, as it says'),
  sealed: z.boolean(),
});

export type ImportSummary = z.infer<typeof IMPORT_SHAPE>;
