/** What was learned of a field, in words and numbers. */
import { assertNever } from '../../lib/assert.ts';
import type { ClockModel, CounterModel, FieldModel, RandomModel } from './model.ts';
import { countWords, durationWords, shortNumber, signedWords } from './words.ts';

export function describeNoise(noise: FieldModel): string {
  switch (noise.kind) {
    case 'clock':
      return clockWords(noise);
    case 'counter':
      return counterWords(noise);
    case 'alias':
      return `one to one, ${countWords(noise.values)} values${noise.shared ? ', in all messages' : ''} (n = ${countWords(noise.samples)})`;
    case 'random':
      return randomWords(noise);
    case 'order-free':
      return `elements in any order, another one in ${countWords(noise.differing)} of ${countWords(noise.samples)}`;
    case 'checksum':
      return noise.mayBeZero ? 'follows, or is not computed' : 'follows what is stamped';
    default:
      return assertNever(noise, 'noise type');
  }
}

function clockWords(model: ClockModel): string {
  const { low, high, unit, quantiles, ownStart, offset, samples, driftPerS } = model;
  const start = ownStart ? 'own start' : `offset ${signedWords(Number(offset), unit)}`;
  return (
    `${start}, from ${signedWords(low, unit)} to ${signedWords(high, unit)} around it ` +
    `(seen ${signedWords(quantiles.min, unit)} to ${signedWords(quantiles.max, unit)}, ` +
    `99 % within ${durationWords(Math.max(-quantiles.p01, quantiles.p99), unit)}), ` +
    `drift ${signedWords(driftPerS, unit)} a second (n = ${countWords(samples)})`
  );
}

const SCOPE_WORDS: Readonly<Record<CounterModel['scope'], string>> = {
  connection: 'over all messages of a connection',
  source: 'over the messages of a source',
  type: 'over such messages',
};

function counterWords({ step, scope, samples }: CounterModel): string {
  const by = step === null ? 'by as much as the other side' : `by ${step}`;
  return `${by} ${SCOPE_WORDS[scope]}, own start (n = ${countWords(samples)})`;
}

function randomWords({ bits, ones, collisions, samples }: RandomModel): string {
  const used = ones.filter((share) => share > 0 && share < 1).length;
  const again =
    collisions === 0 ? 'no value twice' : `two values equal in ${shortNumber(collisions)}`;
  return `${used} of ${bits} bits change, ${again} (n = ${countWords(samples)})`;
}
