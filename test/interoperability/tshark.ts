/**
 * Runs the real tshark with a generated dissector and reads what it says as messages. Where none is installed the
 * tests are skipped and say so, unless RELAYDIFF_REQUIRE_TSHARK=1, as in CI, where a skipped test would be a hole.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  enhancedPacket,
  interfaceDescription,
  sectionHeader,
} from '../../src/formats/pcapng-blocks.ts';
import { exportSchema } from '../../src/protocol/export/index.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export const isTsharkRequired = process.env['RELAYDIFF_REQUIRE_TSHARK'] === '1';

const TSHARK = 'tshark';

export const isTsharkInstalled = spawnSync(TSHARK, ['--version']).status === 0;

/** An element of tshark's PDML: a protocol, a field, an expert note, with what it contains. */
export interface Node {
  readonly name: string;
  readonly show: string;
  /** The bytes as hex. */
  readonly value: string;
  readonly showname: string;
  readonly children: readonly Node[];
}

/** One file of captured units through a new tshark with the dissector of the dialect; a node for each unit. */
export function dissect(dialect: Dialect, units: readonly Uint8Array[]): readonly Node[] {
  const directory = temporaryDirectory();
  const script = join(directory, 'dissector.lua');
  const capture = join(directory, 'units.pcapng');
  writeFileSync(script, exportSchema('wireshark', dialect));
  const blocks = units.map((bytes, index) =>
    enhancedPacket({ interface: 0, unixNs: 1_700_000_000_000_000_000n + BigInt(index), bytes }),
  );
  const file = [sectionHeader('relaydiff test'), interfaceDescription(dialect.name), ...blocks];
  writeFileSync(capture, Buffer.concat(file));
  const { status, stdout, stderr } = runTshark([
    '-X',
    `lua_script:${script}`,
    '-r',
    capture,
    '-T',
    'pdml',
  ]);
  if (status !== 0) throw new Error(`tshark ended with ${status}: ${stderr}`);
  const said = `${stderr}${stdout}`;
  const complaint = /Lua Error|Dissector bug|\blua: /i.exec(said);
  if (complaint !== null)
    throw new Error(`tshark says: ${said.slice(complaint.index, complaint.index + 300)}`);
  return parsePdml(stdout);
}

export function runTshark(args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const run = spawnSync(TSHARK, ['-n', ...args], { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (run.error !== undefined)
    throw new Error('tshark is required but does not run', { cause: run.error });
  return run;
}

/** PDML as tshark writes it: one tag a line, all that matters in its attributes. */
function parsePdml(text: string): readonly Node[] {
  const packets: Node[] = [];
  const open: (Node & { readonly children: Node[] })[] = [];
  for (const [tag, slash, element, attributes = ''] of text.matchAll(
    /<(\/?)(packet|proto|field)\b([^>]*)>/g,
  )) {
    if (slash === '/') {
      open.pop();
      continue;
    }
    const children: Node[] = [];
    const node = { ...attributesOf(attributes), children };
    (open.at(-1)?.children ?? packets).push(node);
    if (!tag.endsWith('/>')) open.push(node);
    if (element === 'packet' && open.length !== 1) throw new Error('a packet inside a packet');
  }
  return packets;
}

function attributesOf(text: string): Omit<Node, 'children'> {
  const attribute = (name: string): string =>
    unescapeXml(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(text)?.[1] ?? '');
  return {
    name: attribute('name'),
    show: attribute('show'),
    value: attribute('value'),
    showname: attribute('showname'),
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
};

function unescapeXml(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name] ?? '');
}

/** The children that are called so. */
export function nodesIn(node: Node, name: string): readonly Node[] {
  return node.children.filter((child) => child.name === name);
}

/** All below, in order. */
export function* descendants(node: Node): Generator<Node> {
  for (const child of node.children) {
    yield child;
    yield* descendants(child);
  }
}
