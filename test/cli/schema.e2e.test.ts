/** `relaydiff schema`, and definitions of one's own on every verb that decodes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runCli } from '../support/processes.ts';

const README = fileURLToPath(new URL('../../schemas/protocol/README.md', import.meta.url));
const DOCS = fileURLToPath(new URL('../../docs/protocol.md', import.meta.url));

/** The two files that the page on schemas shows: an addition, and a dialect. */
function examples(): readonly string[] {
  const blocks = readFileSync(README, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g);
  return [...blocks].map((match) => match[1] ?? '');
}

function writeSchema(name: string, text: string): string {
  const file = join(temporaryDirectory(), name);
  writeFileSync(file, text);
  return file;
}

const NOTE = {
  header: { relay_domain: 1, version: 1, source: 77, flags: 0, sequence: '5', timestamp: '6' },
  tlvs: [{ type: 230, fields: { noted_at_ns: '1756000000000000000', mood: 1 } }],
};

describe('schema list and show', () => {
  it('lists the dialects with their numbers', () => {
    const { stdout } = runCli(['schema', 'list']);
    expect(stdout.match(/^\S+: /gm)).toHaveLength(8);
    expect(stdout).toContain(
      '  header   H2: sequence, timestamp, magic, payload_size, checksum, relay_domain, ',
    );
    const dialects: unknown = JSON.parse(runCli(['schema', 'list', '--json']).stdout);
    expect(dialects).toContainEqual(
      expect.objectContaining({
        name: 'torq-types',
        domains: { MarketData: 0, Signal: 1, Execution: 2, System: 3 },
        types: 84,
      }),
    );
  });

  it('shows the bytes of a type by number and by name, with what lies inside', () => {
    const byName = runCli(['schema', 'show', 'poolliquidity', '--dialect', 'torq-types']).stdout;
    expect(runCli(['schema', 'show', '10', '--dialect', 'torq-types']).stdout).toBe(byName);
    expect(byName).toMatchInlineSnapshot(`
      "torq-types: type 10, PoolLiquidity, MarketData, declared 20 to 300 bytes
      struct PoolLiquidityTLV, 208 bytes
        bytes of implicit padding may be uninitialised memory: the AsBytes impl is written by hand; comment says 184 (true only with pre-1.77 x86-64 u128 alignment)
        libs/types/src/protocol/tlv/market_data.rs

      offset  size  type              field                 meaning
           0     8  u64               timestamp_ns          unix-ns
           8     8  bytes<8>          _implicit_8           padding
          16   144  FixedVec<u128,8>  reserves              token-units
          +0     2  u16                 count               at most 8
          +2    14  bytes<14>           -                   padding
         +16    16  u128                elements[]          8 times; the first count of them are used
         160    20  bytes<20>         pool_address          evm-address
         180    12  bytes<12>         pool_address_padding  padding
         192     2  u16               venue                 VenueId
         194     6  bytes<6>          _padding              padding
         200     8  bytes<8>          _implicit_200         padding
      "
    `);
  });

  it('shows lists, big-endian fields, enums and headers', () => {
    const show = (...args: string[]): string => runCli(['schema', 'show', ...args]).stdout;
    const packed = show('StateInvalidationTLV', '--dialect', 'alphapulse-v2-packed');
    expect(packed).toMatch(/ 12 {3}0\.\. {2}list<BigEndianInstrumentId> {2}instruments /);
    expect(packed).toMatch(/^ {2}12\.\. +1 +u8 +reason +InvalidationReason$/m);
    expect(packed).toMatch(/^ +\+0 +2 +u16 +venue +VenueId; big-endian$/m);
    expect(show('Side')).toMatch(/0 {2}Buy\n +1 {2}Sell/);
    expect(show('header', '--dialect', 'alphapulse-early')).toMatch(/^ +8 +4 +u32 +payload_size /m);
  });

  it('suggests what was meant', () => {
    const wrong = runCli(['schema', 'show', 'Traed']);
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain('called "Traed", did you mean "Trade"? [USAGE]');
    expect(runCli(['schema', 'show', '199']).stderr).toContain('type 199 is in no registry');
  });
});

it('docs/protocol.md is what the schemas say', () => {
  const { stdout } = runCli(['schema', 'docs']);
  const hint = 'run: node dist/cli/main.js schema docs --out docs/protocol.md';
  expect(readFileSync(DOCS, 'utf8') === stdout, hint).toBe(true);
  expect(stdout.length).toBeLessThan(600_000);
});

describe('schema check', () => {
  it('says what the examples of the page on schemas add', () => {
    const [addition = '', dialect = ''] = examples();
    const files = [writeSchema('desk.yaml', addition), writeSchema('ours.yaml', dialect)];
    const { stdout, exitCode } = runCli(['schema', 'check', ...files]);
    expect(stdout.replaceAll(/ \(.*\)$/gm, '').split('\n')).toEqual([
      'ok: adds 2 types, 1 struct, 1 enum to torq-types, numbers to SourceType'.replace(
        '2 types',
        '1 type',
      ),
      'ok: adds 1 type, 1 struct, 1 enum to torq-codec, numbers to SourceType',
      'ok: makes the dialect ours: header H3, 84 types, 31 structs',
      '',
    ]);
    expect(exitCode).toBe(0);
  });

  it('lists each mistake with its place and what was meant', () => {
    const file = writeSchema(
      'desk.yaml',
      `description: d
adds_to: [torq-codex, registry-v2, torq-codec]
header: H3
structs:
  DeskTLV:
    size: 12
    fields:
      - { name: a, type: u64 }
      - { name: b, type: u32, offset: 6 }
      - { name: c, type: u23 }
types:
  - { number: 230, name: Desk, domain: vendor, size: 12, struct: DeskTVL }
  - { number: 231, name: Other, domain: vendor, size: any }
  - { number: 231, name: Third, domain: vendor, size: any }
`,
    );
    const { stderr, exitCode } = runCli(['schema', 'check', file]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('[SCHEMA_INVALID]');
    for (const mistake of [
      '2:11: no dialect is called "torq-codex", did you mean "torq-codec"?',
      '2:23: "registry-v2" is abstract: name a dialect',
      '3:1: an addition has no header: extend the dialect instead of adding to it',
      '9:39: says 6, but overlaps the field before it, which ends at 8',
      '10:26: no type is called "u23", did you mean "u32"?',
      '12:66: no struct is called "DeskTVL", did you mean "DeskTLV"?',
      '14:15: type 231 is there already',
    ])
      expect(stderr).toContain(`${file}:${mistake}`);
  });

  it.each([
    [
      'a key',
      'description: d\nadds_to: torq-codec\nstruts: {}\n',
      '3:1: unknown key "struts", did you mean "structs"?',
    ],
    [
      'a sum',
      'description: d\nadds_to: torq-codec\nstructs:\n  A: { size: 9, fields: [{ name: a, type: u64 }] }\n',
      '4:14: A says 9 bytes, its fields add up to 8',
    ],
    ['a ring', 'description: d\nextends: desk\n', '2:10: "desk" extends itself: desk <- desk'],
    ['a file that is there', '', 'cannot read'],
  ])('tells %s', (what, text, mistake) => {
    const file = what.startsWith('a file') ? '/no/such.yaml' : writeSchema('desk.yaml', text);
    const { stderr, exitCode } = runCli(['schema', 'check', file]);
    expect(stderr).toContain(mistake);
    expect(exitCode).toBe(2);
  });
});

describe('--schema', () => {
  it("teaches encode, decode and show a TLV of one's own", () => {
    const schema = ['--schema', writeSchema('desk.yaml', examples()[0] ?? '')];
    const bytes = runCli(['encode', '--hex', ...schema], JSON.stringify(NOTE));
    expect(bytes.stderr).toBe('');
    const decoded = runCli(['decode', '--hex', '--json', ...schema, '-'], bytes.stdout).stdout;
    expect(JSON.parse(decoded)).toMatchObject({
      checksum: 'valid',
      tlvs: [{ name: 'Vendor:DeskNote', layout: 'DeskNoteTLV', fields: NOTE.tlvs[0]?.fields }],
    });
    expect(runCli(['schema', 'show', 'DeskNote', ...schema]).stdout).toContain('noted_at_ns');
    expect(runCli(['decode', '--hex', '-'], bytes.stdout).stdout).toContain('source 77');
  });

  it('is taken by the verbs that read captures and results', () => {
    const schema = ['--schema', writeSchema('desk.yaml', examples()[0] ?? '')];
    const sent = runCli(['encode', '--hex', ...schema], JSON.stringify(NOTE)).stdout;
    const bytes = fromHex(sent);
    const directory = temporaryDirectory();
    const [capture, result] = [join(directory, 'a.capture'), join(directory, 'result.json')];
    const steps = (['client', 'old'] as const).map((stream) => ({ connection: 1, stream, bytes }));
    buildCapture(capture, { connections: ['desk'], steps });
    expect(runCli(['messages', capture, ...schema]).stdout).toContain('Vendor:DeskNote');
    expect(runCli(['info', capture, ...schema]).stdout).toContain('DeskGateway');
    const page = join(directory, 'report.html');
    runCli(['diff', capture, '--result', result, ...schema]);
    expect(readFileSync(result, 'utf8')).toContain('DeskNote');
    const render = (...args: readonly string[]): string => {
      expect(runCli(['report', result, '--html', page, ...args]).stderr).toBe('');
      return readFileSync(page, 'utf8');
    };
    // The model in the page is compressed; with names for the fields it is another one.
    expect(render(...schema) === render()).toBe(false);
    const unread = runCli(['messages', capture, '--schema', '/no/such.yaml']);
    expect(unread.stderr).toContain('[INPUT_UNREADABLE]');
    for (const verb of ['record', 'diff', 'report', 'info', 'messages', 'decode', 'encode'])
      expect(runCli([verb, '--help']).stdout).toContain('--schema <file>');
  });
});
