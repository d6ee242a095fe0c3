/** Stretches of messages that one client lacks one after the other, while the same side delivered them to others. */
import type { CauseFacts, Loss } from './rule.ts';

export interface Stretch {
  readonly losses: readonly Loss[];
  /** How long the message behind the stretch took to this client. */
  readonly waitedNs: number;
}

/** `losses`: of one side, in any order. */
export function findStretches(losses: readonly Loss[], facts: CauseFacts): readonly Stretch[] {
  const byConnection = new Map<number, Loss[]>();
  for (const loss of losses) {
    const same = byConnection.get(loss.connection);
    if (same === undefined) byConnection.set(loss.connection, [loss]);
    else same.push(loss);
  }
  return [...byConnection.values()].flatMap((own) => [...stretchesOf(own, facts)]);
}

interface Sent {
  readonly timeNs: number;
  /** undefined: it was delivered. */
  readonly loss: Loss | undefined;
  readonly tookNs: number;
}

function* stretchesOf(losses: readonly Loss[], facts: CauseFacts): Generator<Stretch> {
  const [first] = losses;
  if (first === undefined) return;
  const sent: Sent[] = losses.flatMap((loss) =>
    loss.sending === undefined ? [] : [{ timeNs: loss.sending.timeNs, loss, tookNs: 0 }],
  );
  for (const item of facts.itemsOf(first.connection, first.side)) {
    const sendings = facts.client.sendingsOf(item.content);
    const [only] = sendings;
    // Of copies nobody knows here which one it is.
    if (only === undefined || sendings.length !== 1) continue;
    sent.push({ timeNs: only.timeNs, loss: undefined, tookNs: item.arrivalNs - only.timeNs });
  }
  sent.sort((left, right) => left.timeNs - right.timeNs);
  let stretch: Loss[] = [];
  for (const { loss, tookNs } of sent) {
    if (loss !== undefined) stretch.push(loss);
    else if (stretch.length > 0) {
      yield { losses: stretch, waitedNs: tookNs };
      stretch = [];
    }
  }
}
