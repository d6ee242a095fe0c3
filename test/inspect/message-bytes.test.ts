/** One line of JSON as bytes: what is refused, and how it is told. The way there and back is encode.e2e. */
import { describe, expect, it } from 'vitest';
import { messageBytes } from '../../src/inspect/message-bytes.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';

const dialect = loadBuiltInProtocol().dialect('torq-types');

describe('a line that is no message', () => {
  const header = { relay_domain: 1, version: 1, source: 4, flags: 0, sequence: 1, timestamp: 2 };
  const recovery = { last_sequence: '1', current_sequence: '2', consumer_id: 3, request_type: 1 };
  const message = (fields: object): string =>
    JSON.stringify({ header, tlvs: [{ type: 110, fields }] });

  it('is none of these', () => {
    expect(messageBytes(dialect, message(recovery), 'keep')).toHaveLength(32 + 2 + 24);
  });

  it.each([
    ['{', /JSON/],
    ['{}', /neither header and tlvs nor defect/],
    [JSON.stringify({ header }), /tlvs: missing/],
    [JSON.stringify({ header: { ...header, flags: 'x' }, tlvs: [] }), /header\.flags: expected/],
    [JSON.stringify({ header, tlvs: [{ type: 300, fields: {} }] }), /tlvs\[0\]\.type: /],
    [JSON.stringify({ header, tlvs: [{ type: 1, fields: { raw: null } }] }), /tlvs\[0\]\.fields: /],
    [JSON.stringify({ defect: { hex: '0' } }), /defect\.hex: an odd number/],
    [message({ ...recovery, consumer_id: -1 }), /RecoveryRequestTLV\.consumer_id: -1 does not fit/],
    [message({ ...recovery, consumer: 1 }), /RecoveryRequestTLV has no such field/],
    [
      JSON.stringify({ header, checksum: 'wrong', tlvs: [] }),
      /header\.checksum: nothing is no u32/,
    ],
  ])('%s is refused with its field', (line, says) => {
    expect(() => messageBytes(dialect, line, 'keep')).toThrow(says);
  });
});
