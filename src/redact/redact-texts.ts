/**
 * Redacts what a capture says in words: labels of clients, paths of sockets, names of files. Words of relaydiff's own,
 * which its readers look for, stay.
 */
import type { CaptureEvent } from '../capture/types.ts';
import { NOT_SEEN_NOTE } from '../capture/blind-spots.ts';
import { REDACTED_NOTE } from '../capture/redaction-note.ts';
import { REWRITE_NOTE } from '../capture/replay-notes.ts';
import type { Permutations } from './permutations.ts';

/** What the shim and the tap call clients of which they know nothing. */
const OWN_LABEL = /^(client|tap)-\d+$/;
const OWN_NOTES: ReadonlySet<string> = new Set([
  'mode',
  'chunking',
  'fidelity',
  'mirror',
  'feed',
  REDACTED_NOTE,
  REWRITE_NOTE,
  NOT_SEEN_NOTE,
]);
const OWN_DETAILS: ReadonlySet<string> = new Set(['code', 'mirror', 'tap', 'overload']);
/** `market_data relay, generic`: causes are told by it. */
const RELAY = /^[a-z_]+ relay\b/;

export class TextRedactor {
  /** How many texts were replaced. */
  count = 0;
  readonly #permutations: Permutations;
  readonly #isKept: boolean;

  constructor(permutations: Permutations, texts: 'pseudonym' | 'keep') {
    this.#permutations = permutations;
    this.#isKept = texts === 'keep';
  }

  label(label: string): string {
    return this.#isKept || OWN_LABEL.test(label) ? label : this.#replaced('client', label);
  }

  notes(notes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const redacted = Object.entries(notes).map(([name, text]): [string, string] => {
      if (this.#isKept || OWN_NOTES.has(name)) return [name, text];
      const relay = RELAY.exec(text)?.[0];
      const other = this.#replaced('redacted', text);
      return [name, relay === undefined ? other : `${relay} ${other}`];
    });
    return Object.fromEntries(redacted);
  }

  details(details: CaptureEvent['details']): CaptureEvent['details'] {
    if (this.#isKept) return details;
    const redacted = Object.entries(details).map(([name, value]): [string, string | number] =>
      typeof value === 'number' || OWN_DETAILS.has(name)
        ? [name, value]
        : [name, this.#replaced('redacted', value)],
    );
    return Object.fromEntries(redacted);
  }

  #replaced(prefix: string, text: string): string {
    this.count += 1;
    return `${prefix}-${this.#permutations.nameOf('text', text)}`;
  }
}
