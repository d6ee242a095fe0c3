/**
 * Columns of whole numbers as byte planes: all lowest bytes, then all next ones, as many as the largest needs. What
 * hardly changes comes together, and deflates to almost nothing. Signed: the lowest bit is the sign.
 */

const BYTE = 256;
/** 53 bits of a number and the sign. */
const PLANES_MAX = 7;

export function toPlanes(numbers: readonly number[]): Uint8Array {
  const left = new Float64Array(numbers.length);
  let largest = 0;
  for (const [index, number] of numbers.entries()) {
    const magnitude = number < 0 ? -2 * number - 1 : 2 * number;
    left[index] = magnitude;
    if (magnitude > largest) largest = magnitude;
  }
  const count = planesOf(largest);
  const planes = new Uint8Array(count * left.length);
  let at = 0;
  for (let plane = 0; plane < count; plane++) {
    for (let index = 0; index < left.length; index++) {
      const rest = left[index] ?? 0;
      const higher = Math.floor(rest / BYTE);
      planes[at++] = rest - higher * BYTE;
      left[index] = higher;
    }
  }
  return planes;
}

function planesOf(largest: number): number {
  let count = 0;
  for (let unit = 1; unit <= largest; unit *= BYTE) count++;
  return count;
}

/** Whether the bytes can be the planes of so many numbers. */
export function arePlanes(planes: Uint8Array, count: number): boolean {
  if (count === 0) return planes.length === 0;
  return planes.length % count === 0 && planes.length <= PLANES_MAX * count;
}

/** Of bytes that are planes of so many numbers. */
export function fromPlanes(planes: Uint8Array, count: number): readonly number[] {
  const numbers: number[] = [];
  for (let index = 0; index < count; index++) {
    let magnitude = 0;
    for (let at = planes.length - count + index; at >= 0; at -= count) {
      magnitude = magnitude * BYTE + (planes[at] ?? 0);
    }
    numbers.push(magnitude % 2 === 1 ? -(magnitude + 1) / 2 : magnitude / 2);
  }
  return numbers;
}
