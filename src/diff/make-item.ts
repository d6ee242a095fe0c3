/** Makes of a span that arrived what the differ keeps of it. */
import type { ArrivedSpan } from '../capture/types.ts';
import type { Content, Item } from './records.ts';

/** What is known of an item beyond its content: of its place, and in a window. */
export type ItemMarks = Pick<Item, 'behindNs' | 'isCounted' | 'isFar' | 'agreedWith'>;

/** `index`: among the items of its stream. */
export function makeItem(
  { span, index: ordinal, arrivalNs }: ArrivedSpan,
  content: Content,
  index: number,
  marks?: ItemMarks,
): Item {
  return {
    index,
    ordinal,
    offset: span.offset,
    arrivalNs: Number(arrivalNs),
    content,
    detail: span.kind === 'frame' ? undefined : span.detail,
    isTail: span.kind === 'tail',
    behindNs: content.isFrame ? undefined : marks?.behindNs,
    isCounted: marks?.isCounted,
    isFar: marks?.isFar,
    agreedWith: marks?.agreedWith,
  };
}

/** So many pieces of one span have numbers of their own. */
const PIECES_MAX = 2 ** 20;

/** Where not every span is an item, items bear the numbers of their spans; of pieces of one span, those behind the first lie between. */
export function indexBehind(last: Item | undefined, { index }: ArrivedSpan): number {
  return last?.ordinal === index ? last.index + 1 / PIECES_MAX : index;
}
