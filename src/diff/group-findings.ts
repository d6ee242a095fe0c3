/**
 * Puts findings with one title and one cause into a group, and says what in the capture shows the cause.
 * What nothing explains comes first, then the largest groups. Of each group only the first finding is kept, and numbers.
 */
import type { Cause } from './causes/rule.ts';
import { contentName } from './content-table.ts';
import { type Finding, inOrderOfTime } from './findings/finding.ts';
import type { Group } from './types.ts';

export const UNEXPLAINED = 'unexplained';

export interface FindingGroup extends Omit<Group, 'first'> {
  readonly first: Finding;
  /** Of all findings of the group: see `GroupTally.add`. */
  readonly key: string;
}

interface Members {
  readonly key: string;
  cause: Cause | undefined;
  first: Finding;
  count: number;
  readonly connections: Set<number>;
  readonly contents: Set<number>;
  /** Messages beyond CONTENTS_MAX: told apart by nobody. */
  moreContents: number;
}

/** Of one group; more are taken for distinct. */
const CONTENTS_MAX = 65_536;

export class GroupTally {
  readonly #members = new Map<string, Members>();

  /** Returns the key of its group. */
  add(finding: Finding, cause: Cause | undefined): string {
    const key = `${finding.kind}\n${finding.title}\n${cause?.name ?? finding.ownCause ?? ''}`;
    let members = this.#members.get(key);
    if (members === undefined) {
      members = {
        key,
        cause,
        first: finding,
        count: 0,
        connections: new Set(),
        contents: new Set(),
        moreContents: 0,
      };
      this.#members.set(key, members);
    } else if (inOrderOfTime(finding, members.first) < 0) {
      members.first = finding;
      members.cause = cause;
    }
    members.count++;
    members.connections.add(finding.connection);
    const content = finding.loss?.content ?? (finding.old ?? finding.new)?.content;
    if (content === undefined) return key;
    const { contents } = members;
    const name = contentName(content);
    if (contents.size < CONTENTS_MAX) contents.add(name);
    else if (!contents.has(name)) members.moreContents++;
    return key;
  }

  result(): readonly FindingGroup[] {
    const inOrder = [...this.#members.values()].sort((left, right) =>
      inOrderOfTime(left.first, right.first),
    );
    return inOrder
      .sort(
        (left, right) =>
          Number(isExplained(left)) - Number(isExplained(right)) || right.count - left.count,
      )
      .map((members, index) => describe(members, `g${index + 1}`));
  }
}

function isExplained({ cause, first }: Members): boolean {
  return cause !== undefined || first.ownCause !== undefined;
}

/** Which group a finding would be told in: rules select by these words. */
export function groupWords(
  { title, ownCause }: Finding,
  cause: Cause | undefined,
): { readonly name: string; readonly title: string } {
  return {
    name: cause?.name ?? ownCause ?? UNEXPLAINED,
    title: cause === undefined ? title : `${title}: ${cause.because}`,
  };
}

function describe(members: Members, id: string): FindingGroup {
  const { cause, count, first, key } = members;
  const { name, title } = groupWords(first, cause);
  return {
    id,
    title,
    kind: first.kind,
    count,
    cause: name,
    explanation: cause?.explanation ?? '',
    evidence: [extentOf(members), cause?.evidence].filter(Boolean).join(' '),
    first,
    key,
  };
}

function extentOf({ first, count, connections, contents, moreContents }: Members): string {
  const places = `on ${plural(connections.size, 'connection')}`;
  if (first.kind === 'connection') return `${plural(count, 'divergence')} ${places}.`;
  const messages = plural(Math.max(1, contents.size + moreContents), 'distinct message');
  return `${plural(count, 'divergence')}: ${messages} ${places}.`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
