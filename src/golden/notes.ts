/** What the capture of a golden says of where it comes from: words that its readers look for. */

/** The name of the recording that it was made from. */
export const SOURCE_NOTE = 'golden-source';
/** What was left out of that recording; absent when it is there as it was. */
export const LEFT_OUT_NOTE = 'golden-left-out';
