/**
 * The block that a collector writes as soon as it is connected: a header with domain 1 and source 2, and nothing else,
 * whatever relay it goes to (protocol reference, "What producers and consumers really do"). Relays of other domains
 * refuse it. In layouts with the magic elsewhere it is no frame, so it is known by its length and its place.
 */
import type { Content } from '../records.ts';
import type { PlacementRule } from './rule.ts';

const DOMAIN = 1;
const SOURCE = 2;
const BLOCK_BYTES: ReadonlySet<number> = new Set([32, 36]);

export const identificationFrame: PlacementRule = {
  kind: 'placement',
  name: 'identification-frame',
  because: () => 'the block with which a collector names itself',
  situation: 'that are the block with which a collector names itself',
  consistentWith: 'a relay that refuses the domain that this block always has',
  controlMin: 1,
  holds: (content, { offset }) =>
    content.isFrame
      ? isBlock(content)
      : offset === 0 && content.head === undefined && BLOCK_BYTES.has(content.length),
};

function isBlock({ head, length }: Content): boolean {
  return (
    head !== undefined &&
    length === head.frameBytes &&
    BLOCK_BYTES.has(length) &&
    head.domain === DOMAIN &&
    head.source === SOURCE &&
    head.sequence === 0n &&
    head.timestamp === 0n
  );
}
