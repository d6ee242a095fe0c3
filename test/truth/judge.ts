/**
 * Compares what was reported with what must be. A report is right when kind, place, bytes and fields are those of an
 * injected fault. Faults can leave the same bytes behind as others: one of several equal messages dropped, two
 * neighbours exchanged, a copy lost here and another made there. Then a report is as right when it explains the streams
 * as well: that is proved, publisher by publisher, by taking all that was reported out of both streams and finding them
 * equal, with no more divergences than were injected, and every changed message with the fields that were changed.
 */
import type { DiffResult, Divergence } from '../../src/diff/types.ts';
import { toHex } from '../../src/lib/bytes.ts';
import type { Expected, PlacedBytes, ReadItem, SideReads } from './expect.ts';
import { LATE_AFTER_NS, type Scenario } from './scenario.ts';
import { contentKey, SIDES, type SideName } from './traffic.ts';

export interface Judged {
  /** Expected and reported. */
  readonly found: readonly Expected[];
  /** Those of `found` for which others that explain as much were reported. */
  readonly otherwise: readonly Expected[];
  readonly missed: readonly Expected[];
  /** Reported, and nothing of the kind was there. */
  readonly invented: readonly Divergence[];
}

/** What a publisher's own order holds for; what several sent alike has none, and what nobody sent neither. */
type Row = number | string;

export function judge(scenario: Scenario, result: DiffResult): Judged {
  const found: Expected[] = [];
  const otherwise: Expected[] = [];
  const missed: Expected[] = [];
  const invented: Divergence[] = [];
  for (const [connection, reads] of scenario.reads) {
    const ofConnection = <T extends { readonly connection: number }>(all: readonly T[]): T[] =>
      all.filter((one) => one.connection === connection);
    const { expected, reported } = withoutLateMoves(reads, {
      expected: ofConnection(scenario.expected),
      reported: ofConnection(result.divergences),
    });
    const left = matchExactly(expected, reported, found);
    const rowOf = rowsOf(scenario, reads);
    const rows = new Set<Row>([
      ...left.expected.map((one) => rowOf(placesOf(one))),
      ...left.reported.map((one) => rowOf(one)),
    ]);
    for (const row of rows) {
      const inRow = {
        expected: left.expected.filter((one) => rowOf(placesOf(one)) === row),
        reported: left.reported.filter((one) => rowOf(one) === row),
      };
      const all = reported.filter((one) => rowOf(one) === row);
      if (isNoMore(inRow, reads) && isExplained(row, reads, { rowOf, reported: all })) {
        found.push(...inRow.expected);
        otherwise.push(...inRow.expected);
        continue;
      }
      missed.push(...inRow.expected);
      invented.push(...inRow.reported);
    }
  }
  return { found, otherwise, missed, invented };
}

interface Left {
  readonly expected: readonly Expected[];
  readonly reported: readonly Divergence[];
}

/**
 * Of two messages that changed places either may be said to have moved, and what moved is not late. So the other one may
 * be late, if it is, and need not, if it is said to have moved.
 */
function withoutLateMoves(reads: SideReads, { expected, reported }: Left): Left {
  const moved = (
    all: readonly { readonly kind: string; readonly old: { offset: number } | null | undefined }[],
  ) => new Set(all.flatMap(({ kind, old }) => (kind === 'reordered' && old ? [old.offset] : [])));
  const movedIn = { expected: moved(expected), reported: moved(reported) };
  const isLate = ({ old, new: neu }: Divergence): boolean => {
    const oldItem = reads.old.items.find(({ offset }) => offset === old?.offset);
    const newItem = reads.new.items.find(({ offset }) => offset === neu?.offset);
    if (oldItem?.delivery?.sent === undefined || newItem === undefined) return false;
    const isOne = oldItem.delivery.sent === newItem.delivery?.sent;
    return isOne && newItem.arrivalNs - oldItem.arrivalNs > LATE_AFTER_NS;
  };
  return {
    expected: expected.filter(
      ({ kind, old }) => kind !== 'late' || !movedIn.reported.has(old?.offset ?? -1),
    ),
    reported: reported.filter(
      (one) => one.kind !== 'late' || !movedIn.expected.has(one.old?.offset ?? -1) || !isLate(one),
    ),
  };
}

interface Places {
  readonly old: { readonly offset: number } | null;
  readonly new: { readonly offset: number } | null;
}

function placesOf({ old, new: neu }: Expected): Places {
  return { old: old ?? null, new: neu ?? null };
}

function rowsOf({ traffic: { shared } }: Scenario, reads: SideReads): (places: Places) => Row {
  const rows = { old: new Map<number, Row>(), new: new Map<number, Row>() };
  for (const side of SIDES) {
    for (const item of reads[side].items) rows[side].set(item.offset, rowOfItem(item, shared));
  }
  return ({ old, new: neu }) => {
    const known = [old && rows.old.get(old.offset), neu && rows.new.get(neu.offset)];
    return known.find((row) => row !== null && row !== undefined && row !== NOBODY) ?? NOBODY;
  };
}

const NOBODY = 'nobody';

function rowOfItem({ delivery }: ReadItem, shared: ReadonlySet<string>): Row {
  const sent = delivery?.sent;
  if (sent === undefined) return NOBODY;
  const content = contentKey(sent.bytes);
  return shared.has(content) ? content : sent.connection;
}

function matchExactly(
  expected: readonly Expected[],
  reported: readonly Divergence[],
  found: Expected[],
): Left {
  const free = new Set(reported);
  const left = expected.filter((one) => {
    const match = [...free].find((divergence) => isSame(one, divergence));
    if (match === undefined) return true;
    free.delete(match);
    found.push(one);
    return false;
  });
  return { expected: left, reported: [...free] };
}

function isSame(expected: Expected, divergence: Divergence): boolean {
  if (expected.kind !== divergence.kind) return false;
  if (expected.event !== undefined) return divergence.subject === expected.event;
  return SIDES.every((side) => isAt(expected, divergence, side)) && hasFields(expected, divergence);
}

function isAt(expected: Expected, divergence: Divergence, side: SideName): boolean {
  const place = expected[side];
  // What a duplicate is a copy of is shown beside it, and needs no place of its own.
  if (expected.kind === 'duplicated' && side === 'old') return true;
  const shown = divergence[side];
  if (place === undefined || shown === null) return place === undefined && shown === null;
  return shown.offset === place.offset && shown.hex === toHex(place.bytes);
}

function hasFields({ fields, hasMoreFields }: Expected, { differences }: Divergence): boolean {
  if (fields === undefined) return true;
  const named = differences.map(({ path }) => path);
  const isNamed = (paths: readonly string[]): boolean => named.some((path) => paths.includes(path));
  return fields.every(isNamed) && (hasMoreFields === true || named.length === fields.length);
}

/** Whether no more was reported than injected, and no message is said to be changed as none was. */
function isNoMore({ expected, reported }: Left, reads: SideReads): boolean {
  if (reported.length > expected.length) return false;
  const free = new Set(expected);
  return reported.every((divergence) => {
    if (divergence.kind !== 'modified' && divergence.kind !== 'encoding')
      return isKindRight(divergence, reads);
    const match = [...free].find((one) => isAlike(one, divergence));
    if (match !== undefined) free.delete(match);
    return match !== undefined;
  });
}

/** Of what is no changed message, the bytes and the other side tell the kind. */
function isKindRight({ kind, old, new: neu }: Divergence, reads: SideReads): boolean {
  const itemAt = (side: SideName, place: Divergence['old']): ReadItem | undefined =>
    place === null ? undefined : reads[side].items.find(({ offset }) => offset === place.offset);
  const [oldItem, newItem] = [itemAt('old', old), itemAt('new', neu)];
  if (kind === 'reordered') return oldItem?.isFrame === true && newItem?.isFrame === true;
  const [item, side] =
    kind === 'missing' || newItem === undefined ? [oldItem, 'old'] : [newItem, 'new'];
  if (item === undefined) return false;
  if (!item.isFrame) return kind === 'defect';
  if (side === 'old') return kind === 'missing';
  const isInOld = reads.old.items.some((one) => Buffer.compare(one.bytes, item.bytes) === 0);
  return kind === (isInOld ? 'duplicated' : 'extra');
}

function isAlike(expected: Expected, divergence: Divergence): boolean {
  const bytesOf = (place: PlacedBytes | undefined): string | undefined =>
    place && toHex(place.bytes);
  return (
    expected.kind === divergence.kind &&
    SIDES.every((side) => bytesOf(expected[side]) === divergence[side]?.hex) &&
    hasFields(expected, divergence)
  );
}

interface Explanation {
  readonly rowOf: (places: Places) => Row;
  /** All that was reported of the row. */
  readonly reported: readonly Divergence[];
}

/** Whether nothing is left to explain when all that was reported is taken out of both streams. */
function isExplained(row: Row, reads: SideReads, { rowOf, reported }: Explanation): boolean {
  const gone = { old: new Set<number>(), new: new Set<number>() };
  for (const { kind, old, new: neu } of reported) {
    if (kind === 'late' || kind === 'connection') continue;
    if (old !== null && kind !== 'duplicated') gone.old.add(old.offset);
    if (neu !== null) gone.new.add(neu.offset);
  }
  const restOf = (side: SideName): readonly ReadItem[] =>
    reads[side].items.filter((item) => {
      const places: Places = { old: null, new: null, [side]: item };
      return rowOf(places) === row && !gone[side].has(item.offset);
    });
  const rest = { old: restOf('old'), new: restOf('new') };
  if (!areEqual(rest.old, rest.new)) return false;
  const changed = reported.filter(({ kind }) => kind === 'modified' || kind === 'encoding');
  return reported
    .filter(({ kind }) => kind === 'reordered')
    .every((move) => isRightDistance(move, rest, changed));
}

function areEqual(left: readonly ReadItem[], right: readonly ReadItem[]): boolean {
  return (
    left.length === right.length &&
    left.every((item, index) => Buffer.compare(item.bytes, right[index]?.bytes ?? NO_BYTES) === 0)
  );
}

const NO_BYTES = new Uint8Array();

/** How many messages that kept their order are between its two places; changed ones may count or not. */
function isRightDistance(
  { old, new: neu, distance }: Divergence,
  rest: { readonly old: readonly ReadItem[]; readonly new: readonly ReadItem[] },
  changed: readonly Divergence[],
): boolean {
  if (old === null || neu === null || old.hex !== neu.hex || typeof distance !== 'number')
    return false;
  const rank = (items: readonly ReadItem[], offset: number): number =>
    items.filter((item) => item.offset < offset).length;
  const least = rank(rest.new, neu.offset) - rank(rest.old, old.offset);
  const passed = changed.filter((one) => {
    const isBefore = {
      old: one.old !== null && one.old.offset < old.offset,
      new: one.new !== null && one.new.offset < neu.offset,
    };
    return isBefore.old !== isBefore.new;
  }).length;
  return Math.abs(distance - least) <= passed;
}
