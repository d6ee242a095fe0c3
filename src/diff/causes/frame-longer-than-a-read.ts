/**
 * The frame is longer than the 65,536 bytes that a relay reads at once. The generic relay takes a read for a message:
 * it forwards the first piece, and drops the others, which begin with no header.
 */
import type { PlacementRule } from './rule.ts';

const READ_BUFFER_BYTES = 65_536;

export const frameLongerThanARead: PlacementRule = {
  kind: 'placement',
  name: 'frame-longer-than-a-read',
  because: () => 'longer than one read of 64 KiB',
  situation: 'longer than 65,536 bytes',
  consistentWith: 'a relay that takes what one read of 64 KiB returns for a whole message',
  holds: (content) => content.isFrame && content.length > READ_BUFFER_BYTES,
};
