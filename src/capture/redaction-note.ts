/** What a redacted capture says of it: a word that those look for who pass the capture on. */

/** The note with which rules and key its values were replaced: `by redact.yaml, key 8c1f…`. */
export const REDACTED_NOTE = 'redacted';

type Notes = Readonly<Record<string, string>>;

/** For a capture that is made of what another one holds: its values are redacted as much. */
export function redactedNote(notes: Notes): Notes {
  const text = notes[REDACTED_NOTE];
  return text === undefined ? {} : { [REDACTED_NOTE]: text };
}
