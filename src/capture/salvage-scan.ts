/**
 * Finds every row of a capture in its pages. First along the trees that SQLite itself would walk; where these are
 * damaged, in all other pages as well, in the images that the log has replaced, and at every byte of pages that make
 * no sense. Decides nothing: it tells what it finds, whether it is live, and where the trees are damaged.
 */
import { findRow, type FoundRow, possibleCells } from './found-rows.ts';
import { type ImagePlace, NEWEST, type PageImage, type PageImages } from './page-images.ts';
import {
  childrenOf,
  isAccountedFor,
  type PageHeader,
  readLeafCell,
  readPageHeader,
  readRecordHead,
  readRecordValues,
  u32,
} from './sqlite-pages.ts';
import { TABLE_NAMES, type TableName } from './table-rows.ts';

/** Where the cell of a row is. */
export interface RowPlace extends ImagePlace {
  readonly cellAt: number;
  readonly view: number;
}

export interface PlacedRow extends FoundRow, RowPlace {
  /** It is in the tree of its table as SQLite would read it. */
  readonly isLive: boolean;
}

/** A place at which rows may have been lost. */
export interface Trouble {
  /** Undefined: all of them. */
  readonly table: TableName | undefined;
  readonly page: number;
  readonly what: string;
}

const TROUBLES_MAX = 1_000;

export class SalvageScan {
  readonly #images: PageImages;
  readonly #take: (row: PlacedRow) => void;
  readonly #onProgress: (done: number, total: number) => void;
  /** By page: its current image has been read to the last cell, or belongs to a row that has been found. */
  readonly #done: Uint8Array;
  #troubles: Trouble[] = [];
  #troubleCount = 0;
  #pagesDone = 0;

  constructor(
    images: PageImages,
    take: (row: PlacedRow) => void,
    onProgress: (done: number, total: number) => void,
  ) {
    this.#images = images;
    this.#take = take;
    this.#onProgress = onProgress;
    this.#done = new Uint8Array(images.pageCount + 1);
  }

  get troubles(): readonly Trouble[] {
    return this.#troubles;
  }

  get troubleCount(): number {
    return this.#troubleCount;
  }

  run(): void {
    this.#lookAtLog();
    const roots = this.#roots();
    for (const table of TABLE_NAMES) {
      const root = roots.get(table);
      if (root === undefined) this.#trouble(table, 1, 'the schema does not say where it begins');
      else this.#walk(table, root);
    }
    if (this.#troubleCount === 0) return;
    this.#scan((image) => this.#readCells(image));
    this.#scan((image) => this.#searchBytes(image));
  }

  #lookAtLog(): void {
    const { wal } = this.#images;
    if (wal === undefined) return;
    if (!wal.headerIsTrue) this.#trouble(undefined, 0, 'the header of the -wal file is damaged');
    for (const { state, page, index } of wal.frames) {
      if (state === 'broken')
        this.#trouble(undefined, page, `frame ${index + 1} of the -wal file is damaged`);
      if (state === 'torn')
        this.#trouble(
          undefined,
          page,
          `the -wal file ends within frame ${index + 1}, or it is damaged`,
        );
    }
  }

  /** Root pages by table, as the schema on page 1 has them. */
  #roots(): ReadonlyMap<string, number> {
    const roots = new Map<string, number>();
    this.#descend(1, (image, header) => {
      for (const at of header.cells) {
        const cell = readLeafCell(image.bytes, at);
        const head = cell === undefined ? undefined : readRecordHead(cell.local);
        if (cell === undefined || head === undefined) continue;
        const rest =
          cell.overflowPage === 0
            ? new Uint8Array()
            : this.#overflow(cell.overflowPage, cell.payloadBytes - cell.local.length, NEWEST);
        const values = readRecordValues(
          Buffer.concat([cell.local, rest ?? new Uint8Array()]),
          head,
        );
        const [type, name, , root] = values ?? [];
        if (type === 'table' && typeof name === 'string' && typeof root === 'number')
          roots.set(name, root);
      }
    });
    return roots;
  }

  #walk(table: TableName, root: number): void {
    let rowid = Number.MIN_SAFE_INTEGER;
    this.#descend(
      root,
      (image, header, highest) => {
        if (!isAccountedFor(image.bytes, header)) {
          this.#trouble(table, image.page, 'the page does not hold all of its rows');
        }
        let isClean = true;
        for (const at of header.cells) {
          const found = this.#find(image, at);
          const number = readLeafCell(image.bytes, at)?.rowid ?? rowid;
          if (found?.table !== table || number <= rowid || number > highest) {
            isClean = false;
            this.#trouble(table, image.page, 'a row is damaged');
          }
          rowid = number;
          if (found?.table === table) this.#takeFrom(image, at, found, true);
        }
        if (isClean) this.#done[image.page] = 1;
      },
      (page, what) => this.#trouble(table, page, what),
    );
  }

  /** Visits the leaves of a tree in order; tells of pages that cannot be. */
  #descend(
    root: number,
    onLeaf: (image: PageImage, header: PageHeader, highest: number) => void,
    onTrouble: (page: number, what: string) => void = () => undefined,
  ): void {
    const visited = new Uint8Array(this.#images.pageCount + 1);
    const waiting = [{ page: root, highest: Number.MAX_SAFE_INTEGER }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { page, highest } = next;
      const image = visited[page] === 1 ? undefined : this.#images.current(page);
      const header = image === undefined ? undefined : readPageHeader(image.bytes, page);
      if (image === undefined || header === undefined) {
        onTrouble(page, image === undefined ? 'the page is missing' : 'the page is damaged');
        continue;
      }
      visited[page] = 1;
      this.#progress();
      if (header.kind === 'table-leaf') {
        onLeaf(image, header, highest);
        continue;
      }
      const children = childrenOf(image.bytes, header);
      if (children === undefined) onTrouble(page, 'the page is damaged');
      for (const child of (children ?? []).toReversed()) {
        waiting.push({ page: child.page, highest: Math.min(child.highest, highest) });
      }
    }
  }

  #scan(read: (image: PageImage) => void): void {
    this.#pagesDone = 0;
    for (let page = 1; page <= this.#images.pageCount; page++) {
      this.#progress();
      if (this.#done[page] === 1) continue;
      const image = this.#images.current(page);
      if (image !== undefined) read(image);
    }
    for (const image of this.#images.former()) read(image);
  }

  #readCells(image: PageImage): void {
    const cells = cellsOf(image);
    let found = 0;
    for (const at of cells) {
      const row = this.#find(image, at);
      if (row === undefined) continue;
      found += 1;
      this.#takeFrom(image, at, row, false);
    }
    if (image.isCurrent && found > 0 && found === cells.length) this.#done[image.page] = 1;
  }

  #searchBytes(image: PageImage): void {
    for (const at of possibleCells(image.bytes)) {
      const row = this.#find(image, at);
      if (row !== undefined) this.#takeFrom(image, at, row, false);
    }
  }

  /** Overflow pages may have been replaced, or not been; the row's checksum tells which of them belong to it. */
  #find(image: PageImage, at: number): (FoundRow & { readonly view: number }) | undefined {
    for (const view of new Set([image.view, NEWEST, -1])) {
      let hasOverflow = false;
      const found = findRow(image.bytes, at, (first, bytes) => {
        hasOverflow = true;
        return this.#overflow(first, bytes, view);
      });
      if (found !== undefined) return { ...found, view };
      if (!hasOverflow) return undefined;
    }
    return undefined;
  }

  #takeFrom(
    image: PageImage,
    cellAt: number,
    found: FoundRow & { readonly view: number },
    isLive: boolean,
  ): void {
    const { page, frame } = image;
    this.#take({ ...found, page, frame, cellAt, isLive });
    const cell = readLeafCell(image.bytes, cellAt);
    if (cell === undefined || cell.overflowPage === 0) return;
    const rest = cell.payloadBytes - cell.local.length;
    for (const [overflowPage] of overflowPages(this.#images, cell.overflowPage, rest, found.view)) {
      if (this.#images.isNewest(overflowPage, found.view)) this.#done[overflowPage] = 1;
    }
  }

  #overflow(first: number, bytes: number, view: number): Uint8Array | undefined {
    return readOverflow(this.#images, first, bytes, view);
  }

  #trouble(table: TableName | undefined, page: number, what: string): void {
    this.#troubleCount += 1;
    if (this.#troubles.length < TROUBLES_MAX) this.#troubles.push({ table, page, what });
  }

  #progress(): void {
    this.#pagesDone += 1;
    this.#onProgress(Math.min(this.#pagesDone, this.#images.pageCount), this.#images.pageCount);
  }
}

/** The row at a place where a scan has found one. */
export function readRowAt(images: PageImages, place: RowPlace): FoundRow | undefined {
  const bytes = images.read(place);
  if (bytes === undefined) return undefined;
  return findRow(bytes, place.cellAt, (first, count) =>
    readOverflow(images, first, count, place.view),
  );
}

function cellsOf(image: PageImage): readonly number[] {
  const header = readPageHeader(image.bytes, image.page);
  return header?.kind === 'table-leaf' ? header.cells : [];
}

function readOverflow(
  images: PageImages,
  first: number,
  bytes: number,
  view: number,
): Uint8Array | undefined {
  const pieces = [...overflowPages(images, first, bytes, view)].map(([, piece]) => piece);
  const all = Buffer.concat(pieces);
  return all.length === bytes ? all : undefined;
}

/** The pages of an overflow chain with what they hold of it; ends early where the chain breaks off. */
function* overflowPages(
  images: PageImages,
  first: number,
  bytes: number,
  view: number,
): Generator<readonly [number, Uint8Array]> {
  let page = first;
  for (let left = bytes; left > 0 && page > 0; ) {
    const image = page <= images.pageCount ? images.at(page, view) : undefined;
    if (image === undefined) return;
    const piece = image.subarray(4, Math.min(image.length, 4 + left));
    yield [page, piece];
    left -= piece.length;
    page = u32(image, 0);
  }
}
