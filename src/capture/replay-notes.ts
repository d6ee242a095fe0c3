/** What a recording that was made by playing another one says of it: words that its readers look for. */

/** `CaptureInfo.origin` of a replay. */
export const REPLAY_ORIGIN = 'replay';

/** The note with what was rewritten in the client bytes: `timestamps,sequence,dialect:NAME`. */
export const REWRITE_NOTE = 'rewrite';
