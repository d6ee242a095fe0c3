/**
 * The command line that starts a relay under test, cut into words as a shell would cut it, but without a shell: what is
 * started is the relay itself, so its exit code, its signals and its process group are its own. What only a shell could do
 * (variables, pipes, patterns) is refused with its place instead of being passed on as it is written. Pure.
 */
import { OperatingError } from '../lib/operating-error.ts';

export interface RelayCommand {
  /** As it was written. */
  readonly text: string;
  /** The program and its arguments, with placeholders. */
  readonly words: readonly [string, ...string[]];
  /** `NAME=value` before the program. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What the placeholders `{socket}`, `{domain}` and `{dir}` stand for. */
export interface RelayPlaces {
  readonly socket: string;
  readonly domain: string;
  /** A directory for this relay alone, that is removed afterwards. */
  readonly dir: string;
}

/** What only a shell could do, where no quotes protect it. */
const SHELL_ONLY = new Set('|&;<>()$`*?\n');
/** The same inside double quotes. */
const SHELL_ONLY_QUOTED = new Set('$`');
/** What a backslash protects inside double quotes; before anything else it is itself. */
const ESCAPED_IN_QUOTES = new Set('"\\$`');
const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;
const PLACEHOLDER = /\{(socket|domain|dir)\}/g;

/** Throws USAGE. */
export function parseRelayCommand(text: string): RelayCommand {
  const words = wordsOf(text);
  const environment: Record<string, string> = {};
  let first = 0;
  for (const word of words) {
    const match = word.isBareStart ? ASSIGNMENT.exec(word.text) : null;
    if (match?.[1] === undefined) break;
    environment[match[1]] = match[2] ?? '';
    first += 1;
  }
  const [program, ...rest] = words.slice(first).map((word) => word.text);
  if (program === undefined || program === '') {
    throw refused(
      text,
      'names no program',
      'Write for example --relay "target/release/relay {socket}".',
    );
  }
  return { text, words: [program, ...rest], environment };
}

/** Placeholders are filled in after the words are cut: a path with blanks stays one word. */
export function fillPlaces(text: string, places: RelayPlaces): string {
  return text.replaceAll(PLACEHOLDER, (_whole, name: keyof RelayPlaces) => places[name]);
}

/** Whether the socket stands in the command; otherwise the relay must take it from its environment. */
export function namesSocket({ words, environment }: RelayCommand): boolean {
  return [...words, ...Object.values(environment)].some(
    (word) => word.includes('{socket}') || word.includes('{dir}'),
  );
}

interface Word {
  text: string;
  /** It begins without a quote: only then it can be an assignment. */
  readonly isBareStart: boolean;
}

function wordsOf(text: string): readonly Word[] {
  const words: Word[] = [];
  let word: Word | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === ' ' || character === '\t') {
      word = undefined;
      continue;
    }
    if (word === undefined) {
      word = { text: '', isBareStart: character !== '"' && character !== "'" };
      words.push(word);
      if (character === '~') throw shellOnly(text, at);
    }
    if (character === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) throw unclosed(text, at);
      word.text += text.slice(at + 1, end);
      at = end;
    } else if (character === '"') {
      const quoted = doubleQuoted(text, at);
      word.text += quoted.text;
      at = quoted.end;
    } else if (character === '\\') {
      at += 1;
      if (at === text.length) throw refused(text, 'ends with a backslash', QUOTE_HINT);
      word.text += text.charAt(at);
    } else if (SHELL_ONLY.has(character)) {
      throw shellOnly(text, at);
    } else {
      word.text += character;
    }
  }
  return words;
}

/** `end`: where the closing quote stands. */
function doubleQuoted(
  text: string,
  start: number,
): { readonly text: string; readonly end: number } {
  let inside = '';
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') return { text: inside, end: at };
    if (SHELL_ONLY_QUOTED.has(character)) throw shellOnly(text, at);
    const isEscape = character === '\\' && ESCAPED_IN_QUOTES.has(text.charAt(at + 1));
    if (isEscape) at += 1;
    inside += text.charAt(at);
  }
  throw unclosed(text, start);
}

const QUOTE_HINT = "Quote it, or write the whole command as: sh -c '…'.";

function shellOnly(text: string, at: number): OperatingError {
  const character = JSON.stringify(text.charAt(at));
  return refused(
    text,
    `has ${character} at character ${at + 1}, and no shell reads it`,
    QUOTE_HINT,
  );
}

function unclosed(text: string, at: number): OperatingError {
  return refused(text, `has a quote at character ${at + 1} that is never closed`, 'Close it.');
}

function refused(text: string, what: string, hint: string): OperatingError {
  return new OperatingError('USAGE', `the relay's command ${JSON.stringify(text)} ${what}`, {
    hint,
  });
}
