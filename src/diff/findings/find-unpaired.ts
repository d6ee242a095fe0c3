/** Findings of what one side has and the other lacks: missing, extra and duplicated messages, and bytes that are no frame. */
import type { Side } from '../../capture/types.ts';
import type { Loss } from '../causes/rule.ts';
import type { Begun } from '../beginnings.ts';
import type { ClientFacts, Sending } from '../client-facts.ts';
import type { Deliveries, Lacked } from '../deliveries.ts';
import type { ConnectionJudgement } from '../judge-connection.ts';
import { type Content, type Item, otherSide, type Unpaired } from '../records.ts';
import { type Finding, nameOf } from './finding.ts';

export function findUnpaired(
  connection: number,
  judgement: ConnectionJudgement,
  facts: ClientFacts,
  deliveries: Deliveries,
): readonly Finding[] {
  const originals = originalsOf(judgement);
  return judgement.unpaired.map((unpaired) => {
    const lacked = judgement.lacked.get(unpaired);
    if (unpaired.item.content.isFrame) {
      return frameFinding(connection, unpaired, lacked, originals);
    }
    return defectFinding(connection, unpaired, lacked?.sending, { facts, deliveries });
  });
}

/** Content id -> the item of old in its first pair: what a surplus copy in new is a copy of. */
function originalsOf(judgement: ConnectionJudgement): ReadonlyMap<number, Item> {
  const copies = new Set<number>();
  for (const { side, isCopy, item } of judgement.unpaired) {
    if (side === 'new' && isCopy) copies.add(item.content.id);
  }
  const originals = new Map<number, Item>();
  for (const { old } of judgement.pairs) {
    if (copies.has(old.content.id) && !originals.has(old.content.id)) {
      originals.set(old.content.id, old);
    }
  }
  return originals;
}

function frameFinding(
  connection: number,
  { side, item: unpairedItem, isCopy, isElsewhere, copies }: Unpaired,
  lacked: Lacked | undefined,
  originals: ReadonlyMap<number, Item>,
): Finding {
  const item = lacked?.item ?? unpairedItem;
  const { content, arrivalNs: timeNs } = item;
  const loss: Loss = {
    side: otherSide(side),
    connection,
    content,
    sending: lacked?.sending,
    timeNs,
  };
  const which =
    lacked === undefined
      ? `which of its ${copies} is not known`
      : `by the times this one of ${copies}`;
  const base = {
    connection,
    old: side === 'old' ? item : undefined,
    new: side === 'new' ? item : undefined,
    timeNs,
    subject: content.subject,
    differences: [],
    loss,
    ownCause: undefined,
  };
  const name = nameOf(content);
  if (isElsewhere) {
    const other = otherSide(side);
    const detail = `${name}: ${side} delivered it here, ${other} farther away than the order is looked at`;
    const title = `${content.subject} far out of order in new`;
    return { ...base, kind: side === 'old' ? 'missing' : 'extra', detail, title };
  }
  if (side === 'old') {
    const detail = isCopy
      ? `${name}: old delivered one copy more than new, ${which}`
      : `${name}: old delivered it, new did not`;
    const title = `${content.subject} missing from new`;
    return { ...base, kind: 'missing', detail, title: isCopy ? `copy of ${title}` : title };
  }
  if (!isCopy) {
    const detail = `${name}: new delivered it, old did not`;
    return { ...base, kind: 'extra', detail, title: `${content.subject} only in new` };
  }
  const detail = `${name}: new delivered one copy more than old, ${which}`;
  const title = `${content.subject} duplicated in new`;
  const old = originals.get(content.id);
  return { ...base, kind: 'duplicated', old, loss: undefined, detail, title };
}

function defectFinding(
  connection: number,
  { side, item }: Unpaired,
  sending: Sending | undefined,
  { facts, deliveries }: { readonly facts: ClientFacts; readonly deliveries: Deliveries },
): Finding {
  const wasSent = sending !== undefined;
  const begun = facts.wasSent(item.content) ? undefined : facts.begunBy(item, side);
  const origin =
    wasSent && facts.isTapped
      ? `${side} delivered them, ${otherSide(side)} did not`
      : defectOrigin(side, begun, wasSent);
  const bytes = `${item.content.length} bytes in ${side}`;
  const reader = item.detail === undefined ? '' : ` (${item.detail})`;
  const base = { connection, timeNs: item.arrivalNs };
  const loss: Loss | undefined = wasSent
    ? { ...base, side: otherSide(side), content: item.content, sending }
    : begun && {
        ...base,
        side,
        content: begun.content,
        sending: deliveries.firstUndelivered(begun.content, side),
      };
  return {
    ...base,
    kind: 'defect',
    old: side === 'old' ? item : undefined,
    new: side === 'new' ? item : undefined,
    subject: begun?.content.subject ?? item.content.subject,
    detail: `${bytes} are no frame${reader}: ${origin}`,
    title: defectTitle(side, begun?.content, wasSent),
    differences: [],
    loss,
    ownCause: undefined,
  };
}

function defectOrigin(side: Side, begun: Begun | undefined, wasSent: boolean): string {
  const other = otherSide(side);
  if (wasSent) return `a client sent them, ${side} forwarded them, ${other} did not`;
  if (begun === undefined) return `${other} did not deliver them`;
  const { content } = begun;
  const one = doubtOf(begun);
  return `the beginning of ${nameOf(content)}, of which ${content.length} bytes were sent${one}`;
}

function doubtOf({ candidates, hasMore }: Begun): string {
  if (candidates === undefined)
    return ' (less than a header is left: others may begin like this, too)';
  if (candidates === 1 && !hasMore) return '';
  return ` (one of ${candidates}${hasMore ? ' or more' : ''} messages that begin like this)`;
}

function defectTitle(side: Side, begun: Content | undefined, wasSent: boolean): string {
  if (wasSent) return `bytes that are no frame, missing from ${otherSide(side)}`;
  if (begun !== undefined) return `${begun.subject} cut short in ${side}`;
  return `bytes that are no frame, only in ${side}`;
}
