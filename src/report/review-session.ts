/**
 * The dialogue of `relaydiff review`, without a terminal: takes one line of the answers at a time, says what to
 * show and ask next, and which rule is to be written or taken back. Knows no file.
 */
import { assertNever, defined } from '../lib/assert.ts';
import { type GroupRule, idForGroup } from '../diff/rules/edit-rules.ts';
import { isDate } from '../diff/rules/read-rules.ts';
import type { DiffResult, Divergence, Group } from '../diff/types.ts';
import { printable } from './terminal.ts';
import { REVIEW_HELP, renderDivergence, renderGroup } from './review-text.ts';

export interface ReviewOptions {
  /** `2026-07-31`, UTC. */
  readonly today: string;
  readonly owner: string;
  readonly expires: string;
  /** Ids that are taken. */
  readonly ids: Iterable<string>;
  /** The rule that was once written for a group: it is renewed, not written twice. */
  readonly idOf: (group: Group) => string | undefined;
  /** A rule that still holds accepts it; such a group is not asked for. */
  readonly isAccepted: (group: Group) => boolean;
}

export type Decision =
  | { readonly kind: 'accepted'; readonly rule: GroupRule }
  | { readonly kind: 'rejected' };

export type Effect =
  | { readonly kind: 'write'; readonly rules: readonly GroupRule[] }
  | { readonly kind: 'remove'; readonly rule: GroupRule };

export interface Turn {
  readonly say: readonly string[];
  /** To be carried out before the next line is read. */
  readonly effect?: Effect;
}

export interface ReviewSummary {
  readonly accepted: readonly { readonly group: Group; readonly rule: GroupRule }[];
  readonly rejected: readonly Group[];
  /** Neither accepted nor rejected. */
  readonly open: readonly Group[];
  /** By a rule that was there before. */
  readonly acceptedBefore: readonly Group[];
}

type Question = 'choice' | 'reason' | 'owner' | 'expires' | 'end' | 'done';

interface Draft {
  /** The group that is asked for first. */
  readonly groups: readonly Group[];
  reason: string | undefined;
  owner: string;
}

const NOTHING: Turn = { say: [] };
const SHOWN_MORE = 3;

export class ReviewSession {
  readonly #groups: readonly Group[];
  readonly #acceptedBefore: readonly Group[];
  readonly #result: DiffResult;
  readonly #options: ReviewOptions;
  readonly #ids: Set<string>;
  readonly #decisions = new Map<Group, Decision>();
  #at = 0;
  #question: Question;
  #draft: Draft | undefined;
  #owner: string;
  #expires: string;
  #shown = 0;
  #isShown = false;

  constructor(result: DiffResult, options: ReviewOptions) {
    this.#result = result;
    this.#options = options;
    this.#groups = result.groups.filter((group) => !options.isAccepted(group));
    this.#acceptedBefore = result.groups.filter((group) => options.isAccepted(group));
    this.#ids = new Set(options.ids);
    this.#owner = options.owner;
    this.#expires = options.expires;
    this.#question = this.#groups.length === 0 ? 'done' : 'choice';
  }

  get isDone(): boolean {
    return this.#question === 'done';
  }

  /** What to show before the next line is read: the group when it is new, and the question. */
  ask(): { readonly show: readonly string[]; readonly prompt: string } {
    const show = this.#question === 'choice' && !this.#isShown ? this.#show() : [];
    this.#isShown = true;
    return { show, prompt: printable(this.#prompt()) };
  }

  answer(line: string): Turn {
    const text = line.trim();
    switch (this.#question) {
      case 'choice':
        return this.#choose(text);
      case 'reason':
        return this.#takeReason(text);
      case 'owner':
        return this.#takeOwner(text);
      case 'expires':
        return this.#takeExpiry(text);
      case 'end':
        return this.#end(text);
      case 'done':
        return NOTHING;
      default:
        return assertNever(this.#question, 'question');
    }
  }

  summary(): ReviewSummary {
    const accepted: { group: Group; rule: GroupRule }[] = [];
    const rejected: Group[] = [];
    const open: Group[] = [];
    for (const group of this.#groups) {
      const decision = this.#decisions.get(group);
      if (decision === undefined) open.push(group);
      else if (decision.kind === 'accepted') accepted.push({ group, rule: decision.rule });
      else rejected.push(group);
    }
    return { accepted, rejected, open, acceptedBefore: this.#acceptedBefore };
  }

  get #group(): Group {
    return defined(this.#groups[this.#at], 'group under review');
  }

  #show(): readonly string[] {
    const decision = this.#decisions.get(this.#group);
    this.#shown = 1;
    return renderGroup(this.#result, {
      group: this.#group,
      place: `${this.#at + 1} of ${this.#groups.length}`,
      decision,
    });
  }

  #prompt(): string {
    const reason = this.#defaultReason();
    switch (this.#question) {
      case 'choice':
        return 'accept, reject, skip, more, back, all, quit, ? [skip]: ';
      case 'reason':
        return `reason${reason === undefined ? '' : ` [${reason}]`}: `;
      case 'owner':
        return `owner${this.#owner === '' ? '' : ` [${this.#owner}]`}: `;
      case 'expires':
        return `until, a date or days [${this.#expires}]: `;
      case 'end':
        return 'that was the last group: back, quit [quit]: ';
      case 'done':
        return '';
      default:
        return assertNever(this.#question, 'question');
    }
  }

  #choose(text: string): Turn {
    switch (text.toLowerCase()) {
      case 'a':
      case 'accept':
        return this.#begin([this.#group]);
      case 'all':
        return this.#begin(
          this.#groups.slice(this.#at).filter((each) => !this.#decisions.has(each)),
        );
      case 'r':
      case 'reject':
        return this.#reject();
      case '':
      case 's':
      case 'skip':
        this.#go(this.#at + 1);
        return NOTHING;
      case 'm':
      case 'more':
        return { say: this.#more() };
      case 'b':
      case 'back':
        this.#go(Math.max(0, this.#at - 1));
        return NOTHING;
      case 'q':
      case 'quit':
        this.#question = 'done';
        return NOTHING;
      case '?':
      case 'h':
      case 'help':
        return { say: REVIEW_HELP };
      default:
        return { say: [`"${text}" is no answer.`, ...REVIEW_HELP] };
    }
  }

  #go(at: number): void {
    this.#at = at;
    this.#isShown = false;
    this.#draft = undefined;
    this.#question = at < this.#groups.length ? 'choice' : 'end';
  }

  #end(text: string): Turn {
    if (['b', 'back'].includes(text.toLowerCase())) this.#go(this.#at - 1);
    else this.#question = 'done';
    return NOTHING;
  }

  #begin(groups: readonly Group[]): Turn {
    if (groups.length === 0) return { say: ['Nothing is left to accept from here on.'] };
    this.#draft = { groups, reason: undefined, owner: this.#owner };
    this.#question = 'reason';
    const more = groups.length > 1 ? [`One answer for ${groups.length} groups:`] : [];
    return { say: more };
  }

  #reject(): Turn {
    const before = this.#decisions.get(this.#group);
    this.#decisions.set(this.#group, { kind: 'rejected' });
    this.#go(this.#at + 1);
    if (before?.kind !== 'accepted') return NOTHING;
    return { say: [], effect: { kind: 'remove', rule: before.rule } };
  }

  /** What the causes say, where every group has one. */
  #defaultReason(): string | undefined {
    const groups = this.#draft?.groups ?? [];
    if (groups.some(({ explanation }) => explanation === '')) return undefined;
    return groups.length === 1 ? groups[0]?.explanation : 'what the cause of each says';
  }

  #takeReason(text: string): Turn {
    if (text === '' && this.#defaultReason() === undefined)
      return {
        say: [
          'Nothing explains it, so a reason is needed: who wants it so, and where is that written?',
        ],
      };
    if (this.#draft !== undefined) this.#draft.reason = text === '' ? undefined : text;
    this.#question = 'owner';
    return NOTHING;
  }

  #takeOwner(text: string): Turn {
    if (text === '' && this.#owner === '') return { say: ['Somebody must own it.'] };
    if (text !== '') this.#owner = text;
    this.#question = 'expires';
    return NOTHING;
  }

  #takeExpiry(text: string): Turn {
    const expires = text === '' ? this.#expires : parseExpiry(text, this.#options.today);
    if (expires === undefined)
      return {
        say: [`"${text}" is no day from ${this.#options.today} on; write 2026-12-31, or 90d.`],
      };
    this.#expires = expires;
    const draft = defined(this.#draft, 'what is accepted');
    const rules = draft.groups.map((group) => this.#accept(group, draft.reason));
    this.#go(draft.groups.length === 1 ? this.#at + 1 : this.#groups.length);
    return { say: [], effect: { kind: 'write', rules } };
  }

  #accept(group: Group, reason: string | undefined): GroupRule {
    const before = this.#decisions.get(group);
    const id =
      (before?.kind === 'accepted' ? before.rule.id : this.#options.idOf(group)) ??
      idForGroup(group, this.#ids);
    this.#ids.add(id);
    const rule: GroupRule = {
      id,
      reason: reason ?? group.explanation,
      owner: this.#owner,
      expires: this.#expires,
      group,
    };
    this.#decisions.set(group, { kind: 'accepted', rule });
    return rule;
  }

  #more(): readonly string[] {
    const others = this.#listed().slice(this.#shown, this.#shown + SHOWN_MORE);
    this.#shown += others.length;
    if (others.length === 0) return ['The result lists no more of them.'];
    return others.flatMap((divergence) => renderDivergence(this.#result, divergence));
  }

  #listed(): readonly Divergence[] {
    const { first } = this.#group;
    const those = this.#result.divergences.filter(({ group }) => group === this.#group.id);
    return those.toSorted((left, right) => Number(right.id === first) - Number(left.id === first));
  }
}

const DAY_MS = 86_400_000;
const DAYS_MAX = 3_650;

/** `2026-12-31`, or `90d` from today on; undefined for a day that is past, and for what is no day. */
export function parseExpiry(text: string, today: string): string | undefined {
  const days = /^(\d{1,4}) ?d(ays?)?$/.exec(text)?.[1];
  if (days !== undefined && Number(days) <= DAYS_MAX)
    return new Date(Date.parse(`${today}T00:00:00Z`) + Number(days) * DAY_MS)
      .toISOString()
      .slice(0, 10);
  return isDate(text) && text >= today ? text : undefined;
}
