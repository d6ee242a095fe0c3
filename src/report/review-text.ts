/** What `relaydiff review` shows of a group and of a divergence, and its summary, as plain lines. */
import type { Difference, DiffResult, Divergence, Group } from '../diff/types.ts';
import type { Decision, ReviewSummary } from './review-session.ts';
import { printable } from './terminal.ts';

const DIFFERENCES_MAX = 8;
const VALUE_CHARACTERS_MAX = 48;
const INDENT = '    ';

export const REVIEW_HELP: readonly string[] = [
  '  a, accept   expect this group from now on: asks for a reason, an owner and a day',
  '  r, reject   it is a defect; a rule that this review wrote for it is taken back',
  '  s, skip     decide nothing',
  '  m, more     show more divergences of the group',
  '  b, back     go to the group before',
  '  all         accept this group and all undecided ones after it, with one answer',
  '  q, quit     end; what was decided is kept',
];

export interface ShownGroup {
  readonly group: Group;
  /** `2 of 6` */
  readonly place: string;
  readonly decision: Decision | undefined;
}

export function renderGroup(
  result: DiffResult,
  { group, place, decision }: ShownGroup,
): readonly string[] {
  const first = result.divergences.find(({ id }) => id === group.first);
  return [
    '',
    printable(`Group ${place}: ${group.title}`),
    line('kind', `${group.kind}, ${counted(group.count, 'divergence')}`),
    line('cause', group.explanation === '' ? group.cause : `${group.cause}: ${group.explanation}`),
    line('evidence', group.evidence),
    ...(first === undefined ? [] : renderDivergence(result, first)),
    ...(decision === undefined ? [] : [line('decided', decisionWords(decision))]),
  ];
}

export function renderDivergence(result: DiffResult, divergence: Divergence): readonly string[] {
  const { id, connection, detail, differences } = divergence;
  const label = result.connections.find((each) => each.id === connection)?.label ?? '';
  const rest = differences.length - DIFFERENCES_MAX;
  return [
    line(id, `connection ${connection}${label === '' ? '' : ` (${label})`}: ${detail}`),
    ...differences.slice(0, DIFFERENCES_MAX).map(differenceLine),
    ...(rest > 0 ? [`${INDENT}and ${counted(rest, 'more difference')}`] : []),
  ];
}

function differenceLine({ path, old, new: neu }: Difference): string {
  return printable(`${INDENT}${path}: old ${valueOf(old)}, new ${valueOf(neu)}`);
}

function valueOf(value: string | null): string {
  if (value === null) return 'has none';
  return value.length <= VALUE_CHARACTERS_MAX ? value : `${value.slice(0, VALUE_CHARACTERS_MAX)}…`;
}

function decisionWords(decision: Decision): string {
  return decision.kind === 'accepted'
    ? `accepted until ${decision.rule.expires} as ${decision.rule.id}`
    : decision.kind;
}

function line(name: string, text: string): string {
  return printable(`  ${name.padEnd(9)} ${text}`);
}

/** `file`: where the rules are. */
export function renderReview(summary: ReviewSummary, file: string): string {
  const { accepted, rejected, open, acceptedBefore } = summary;
  const lines = [
    heading(
      'accepted',
      accepted.map(({ group }) => group),
      ` (${file})`,
    ),
    ...accepted.map(({ group, rule: { id, expires, owner } }) =>
      printable(`  ${group.id}  ${group.title}: ${id}, until ${expires}, of ${owner}`),
    ),
    heading('rejected', rejected),
    ...rejected.map(groupLine),
    heading('open', open),
    ...open.map(groupLine),
    heading('accepted before', acceptedBefore),
    ...acceptedBefore.map(groupLine),
  ];
  const said = lines.filter((each) => each !== '');
  return said.length === 0 ? 'The result has no divergence to review.\n' : `${said.join('\n')}\n`;
}

function heading(name: string, groups: readonly Group[], more = ''): string {
  if (groups.length === 0) return '';
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  return `${name}: ${counted(groups.length, 'group')}, ${counted(count, 'divergence')}${more}`;
}

function groupLine({ id, title }: Group): string {
  return printable(`  ${id}  ${title}`);
}

function counted(count: number, word: string): string {
  return `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;
}
