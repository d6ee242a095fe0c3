/**
 * Puts findings with one title and one cause into a group, and says what in the capture shows the cause.
 * What nothing explains comes first, then the largest groups.
 */
import type { Cause } from './causes/explain.ts';
import type { Finding } from './findings.ts';
import type { Group } from './types.ts';

export const UNEXPLAINED = 'unexplained';

export interface FindingGroup extends Omit<Group, 'first'> {
  readonly first: Finding;
}

export interface GroupedFindings {
  readonly groups: readonly FindingGroup[];
  readonly groupOf: ReadonlyMap<Finding, FindingGroup>;
}

interface Members {
  readonly cause: Cause | undefined;
  readonly findings: [Finding, ...Finding[]];
}

/** `findings` in the order of the list. */
export function groupFindings(
  findings: readonly Finding[],
  causeOf: (finding: Finding) => Cause | undefined,
): GroupedFindings {
  const byKey = new Map<string, Members>();
  for (const finding of findings) {
    const cause = causeOf(finding);
    const key = `${finding.kind}\n${finding.title}\n${cause?.name ?? finding.ownCause ?? ''}`;
    const members = byKey.get(key);
    if (members === undefined) byKey.set(key, { cause, findings: [finding] });
    else members.findings.push(finding);
  }
  const sorted = [...byKey.values()].sort(
    (left, right) =>
      Number(isExplained(left)) - Number(isExplained(right)) ||
      right.findings.length - left.findings.length,
  );
  const groupOf = new Map<Finding, FindingGroup>();
  const groups = sorted.map((members, index) => {
    const group = describe(members, `g${index + 1}`);
    for (const finding of members.findings) groupOf.set(finding, group);
    return group;
  });
  return { groups, groupOf };
}

function isExplained({ cause, findings: [first] }: Members): boolean {
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

function describe({ cause, findings }: Members, id: string): FindingGroup {
  const [first] = findings;
  const { name, title } = groupWords(first, cause);
  return {
    id,
    title,
    kind: first.kind,
    count: findings.length,
    cause: name,
    explanation: cause?.explanation ?? '',
    evidence: [extentOf(findings), cause?.evidence].filter(Boolean).join(' '),
    first,
  };
}

function extentOf(findings: readonly [Finding, ...Finding[]]): string {
  const [first] = findings;
  const connections = new Set(findings.map((finding) => finding.connection)).size;
  const places = `on ${plural(connections, 'connection')}`;
  if (first.kind === 'connection') return `${plural(findings.length, 'divergence')} ${places}.`;
  const contents = new Set(
    findings.map((finding) => (finding.loss?.content ?? (finding.old ?? finding.new)?.content)?.id),
  );
  return `${plural(findings.length, 'divergence')}: ${plural(contents.size, 'distinct message')} ${places}.`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
