/**
 * Records of a pcapng file that relaydiff wrote: those in blocks of local use as they are, and chunks put together
 * from the units that hold their bytes. Units that say nothing of chunks are for people and passed over.
 */
import { importInvalid } from './import-records.ts';
import type { InputFile } from './input-file.ts';
import { parseChunkText } from './chunk-texts.ts';
import { parseRecordText } from './ndjson.ts';
import { BLOCK, OPTION } from './pcapng-blocks.ts';
import { pcapngBlocks, type PcapngUnit, readUnit } from './pcapng-reader.ts';
import type { CaptureRecord, ChunkRecord, Placed, StreamRecord } from './record.ts';

/** The first block behind its interfaces is a record. A file that another program has written anew has none. */
export function isOwnPcapng(input: InputFile): boolean {
  try {
    for (const { type } of pcapngBlocks(input)) {
      if (type !== BLOCK.sectionHeader && type !== BLOCK.interfaceDescription)
        return type === BLOCK.record;
    }
  } catch {
    // Whoever reads the file says what is wrong with it.
  }
  return false;
}

/** Throws IMPORT_INVALID with the byte; what it had of unfinished chunks comes before. */
export function* parsePcapng(
  input: InputFile,
  onRead: (bytes: number) => void,
): Generator<Placed<CaptureRecord>> {
  const chunks = new ChunkAssembler(input.path);
  try {
    for (const block of pcapngBlocks(input)) {
      onRead(block.at);
      const place = `byte ${block.at}`;
      if (block.type === BLOCK.record) {
        const text = new TextDecoder().decode(block.body);
        const record = parseRecordText(text, input.path, place);
        if (record.record === 'stream') chunks.addStream(record);
        if (record.record === 'account' || record.record === 'end') yield* chunks.rest();
        yield { value: record, place };
      } else {
        const unit = readUnit(input, block, []);
        if (unit !== undefined) yield* chunks.add(unit, place);
      }
    }
  } catch (error) {
    yield* chunks.rest();
    throw error;
  }
}

interface OpenChunk {
  readonly ordinal: number;
  readonly timeNs: bigint;
  readonly offset: number;
  readonly pieces: Uint8Array[];
  readonly place: string;
  end: number;
}

class ChunkAssembler {
  readonly #file: string;
  /** By the number of their interface. */
  readonly #streams: StreamRecord[] = [];
  readonly #open = new Map<number, OpenChunk>();

  constructor(file: string) {
    this.#file = file;
  }

  addStream(stream: StreamRecord): void {
    this.#streams.push(stream);
  }

  /** The chunks that are whole with the unit. */
  *add(unit: PcapngUnit, place: string): Generator<Placed<CaptureRecord>> {
    let at = 0;
    const texts = unit.options.filter(({ code }) => code === OPTION.chunks);
    if (texts.length === 0) return;
    for (const { value } of texts) {
      const parsed = parseChunkText(new TextDecoder().decode(value));
      if (parsed === undefined) throw this.#fault(place, 'it does not say which chunks it is of');
      let { offset } = parsed;
      for (const { ordinal, timeNs, bytes } of parsed.pieces) {
        // The block that the bytes lie in is read over by the next one.
        const piece = Uint8Array.prototype.slice.call(unit.bytes, at, at + bytes);
        const known = this.#open.get(unit.interface);
        if (known?.ordinal === ordinal && known.end === offset) {
          known.pieces.push(piece);
          known.end += bytes;
        } else {
          if (known !== undefined) yield this.#chunk(unit.interface, known);
          const chunk = { ordinal, timeNs, offset, pieces: [piece], place, end: offset + bytes };
          this.#open.set(unit.interface, chunk);
        }
        at += bytes;
        offset += bytes;
      }
    }
    if (at !== unit.bytes.length)
      throw this.#fault(place, `its chunks have ${at} bytes, but it has ${unit.bytes.length}`);
  }

  /** What is not followed by anything any more. */
  *rest(): Generator<Placed<CaptureRecord>> {
    for (const [stream, chunk] of this.#open) yield this.#chunk(stream, chunk);
    this.#open.clear();
  }

  #chunk(index: number, chunk: OpenChunk): Placed<ChunkRecord> {
    const { ordinal, timeNs, offset, pieces, place } = chunk;
    const stream = this.#streams[index];
    if (stream === undefined) throw this.#fault(place, `there is no stream ${index}`);
    const bytes = pieces.length === 1 ? (pieces[0] ?? new Uint8Array()) : Buffer.concat(pieces);
    return {
      value: { ...stream, record: 'chunk', ordinal, timeNs, offset, bytes },
      place,
    };
  }

  #fault(place: string, what: string): Error {
    return importInvalid(this.#file, place, `a unit makes no sense: ${what}`);
  }
}
