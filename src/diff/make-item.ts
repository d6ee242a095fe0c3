/** Makes of a span that arrived what the differ keeps of it. */
import type { ArrivedSpan } from '../capture/types.ts';
import type { Content, Item } from './records.ts';

/** `index`: among the items of its stream. `isCounted`: in a window, whether the scan has counted it. */
export function makeItem(
  { span, index: ordinal, arrivalNs }: ArrivedSpan,
  content: Content,
  index: number,
  isCounted?: boolean,
): Item {
  return {
    index,
    ordinal,
    offset: span.offset,
    arrivalNs: Number(arrivalNs),
    content,
    detail: span.kind === 'frame' ? undefined : span.detail,
    isTail: span.kind === 'tail',
    isCounted,
  };
}

/** So many pieces of one span have numbers of their own. */
const PIECES_MAX = 2 ** 20;

/** Where not every span is an item, items bear the numbers of their spans; of pieces of one span, those behind the first lie between. */
export function indexBehind(last: Item | undefined, { index }: ArrivedSpan): number {
  return last?.ordinal === index ? last.index + 1 / PIECES_MAX : index;
}
