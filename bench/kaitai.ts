/** The parser that kaitai-struct-compiler makes of the .ksy that relaydiff writes; undefined when it is not installed. */
import { createRequire } from 'node:module';
import { kaitaiSpecification } from '../src/protocol/export/kaitai.ts';
import { toHex } from '../src/lib/bytes.ts';
import type { Dialect } from '../src/protocol/types.ts';
import { parse } from 'yaml';

export interface KaitaiFrame {
  readonly header: Readonly<Record<string, number>>;
  readonly payload: {
    readonly tlvs: readonly {
      readonly number: number;
      readonly isExtended: boolean;
      readonly length: number;
      readonly value: Readonly<Record<string, unknown>>;
    }[];
  };
}

/** All frames of a chunk that holds whole frames only. */
export type KaitaiParser = (chunk: Buffer) => readonly KaitaiFrame[];

interface KaitaiCompiler {
  compile(
    language: string,
    specification: unknown,
    importer: null,
    debug: boolean,
  ): Promise<Readonly<Record<string, string>>>;
}
type KaitaiStreamClass = new (bytes: ArrayBuffer, offset: number) => object;
type RootClass = new (stream: object) => { readonly frames: readonly KaitaiFrame[] };

export async function kaitaiParser(dialect: Dialect): Promise<KaitaiParser | undefined> {
  const require = createRequire(import.meta.url);
  try {
    require.resolve('kaitai-struct-compiler');
  } catch {
    return undefined;
  }
  const compiler: KaitaiCompiler = require('kaitai-struct-compiler');
  const KaitaiStream: KaitaiStreamClass = require('kaitai-struct/KaitaiStream');
  const sources = await compiler.compile(
    'javascript',
    parse(kaitaiSpecification(dialect)),
    null,
    false,
  );
  const [source = ''] = Object.values(sources);
  const exported: Record<string, RootClass> = {};
  // oxlint-disable-next-line typescript/no-implied-eval -- The compiler gives text.
  new Function('exports', 'require', source)(exported, require);
  const [Root] = Object.values(exported);
  if (Root === undefined) throw new Error('the compiled specification exports no class');
  return (chunk) => {
    // The stream has no length of its own; a copy would be no fair price.
    const { buffer } = chunk;
    if (!(buffer instanceof ArrayBuffer) || chunk.byteLength !== buffer.byteLength)
      throw new Error('the chunk must own its buffer');
    return new Root(new KaitaiStream(buffer, 0)).frames;
  };
}

/** What its user would print: the header and the TLVs, without the parser's own `_` properties, bytes as hex. */
export function kaitaiLine({ header, payload }: KaitaiFrame): string {
  const tlvs = payload.tlvs.map(({ number, isExtended, length, value }) => {
    return { type: number, extended: isExtended, length, fields: printable(value) };
  });
  return JSON.stringify({ header: printable(header), tlvs });
}

function printable(parsed: object): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (!name.startsWith('_')) values[name] = printableValue(value);
  }
  return values;
}

function printableValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return toHex(value);
  return Array.isArray(value) ? value.map(printableValue) : printable(value);
}
