/**
 * What captures of an origin cannot hold, however well they were made. Every place that shows such a capture
 * says so: an answer that was never asked for must not be taken for an agreement.
 */

/** `CaptureInfo.origin` of a passive recording. */
export const TAP_ORIGIN = 'tap';

/** The note under which a capture says it itself. */
export const NOT_SEEN_NOTE = 'not seen';
export const NOT_SEEN_SEPARATOR = '; ';

const OF_TAP: readonly string[] = [
  'who sent what: every message reaches the new relay from one client, the tap',
  'how publishers cut their writes: the new relay reads other chunks than it would read from them',
  'what the old relay itself dropped or never passed on',
  'when clients come and go, and how either relay treats their connections',
  'what a relay answers to the sender only, and whether it delivers to the sender at all',
  'how long the old relay took',
];

/** Empty for recordings that stand in the path. */
export function blindSpotsOf(origin: string): readonly string[] {
  return origin === TAP_ORIGIN ? OF_TAP : [];
}
