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

/** Where not every span is an item, items bear the numbers of their spans; of two halves of one span the second lies between. */
export function indexBehind(last: Item | undefined, { index }: ArrivedSpan): number {
  return last?.ordinal === index ? index + 0.5 : index;
}
