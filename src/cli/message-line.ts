/** One message as one line for people, with a line more for each remark. */
import type { MessageRecord } from '../inspect/messages.ts';
import { toHex } from '../lib/bytes.ts';
import type { Dialect } from '../protocol/types.ts';

const BYTES_SHOWN = 16;

export function messageLine(record: MessageRecord, dialect: Dialect): string {
  const place = `#${record.ordinal} at ${record.offset}, ${record.length} bytes`;
  const { header, tlvs, checksum, defect } = record;
  const trouble =
    defect === undefined
      ? ''
      : `  DEFECT ${defect.kind}: ${defect.detail} [${beginning(defect.hex)}]`;
  if (header === undefined) return `${place}${trouble}`;
  const domain = dialect.domains.names.get(header.relay_domain) ?? `domain ${header.relay_domain}`;
  const source = dialect.sources.names.get(header.source) ?? `source ${header.source}`;
  const names = (tlvs ?? []).map((tlv) => tlv.name).join('+') || 'header only';
  const remarks = (record.remarks ?? []).map(
    ({ kind, path, detail }) => `\n    ${kind} at ${path}: ${detail}`,
  );
  return `${place}: ${names}  ${domain}/${source} sequence ${header.sequence}, checksum ${checksum ?? '?'}${trouble}${remarks.join('')}`;
}

function beginning(bytes: Uint8Array): string {
  const shown = toHex(bytes.subarray(0, BYTES_SHOWN));
  return bytes.length <= BYTES_SHOWN ? shown : `${shown}…`;
}
