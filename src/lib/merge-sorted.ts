/** Merges sorted sequences into one, holding one item of each: a binary heap of their heads. */

interface Head<T> {
  item: T;
  readonly rest: Iterator<T>;
  /** Ties go to the sequence that was named first. */
  readonly rank: number;
}

/** Each input must be sorted by `compare`; so is the result, and equal items keep the order of the inputs. */
export function* mergeSorted<T>(
  sequences: readonly Iterable<T>[],
  compare: (left: T, right: T) => number,
): Generator<T> {
  const before = (left: Head<T>, right: Head<T>): boolean => {
    const order = compare(left.item, right.item);
    return order < 0 || (order === 0 && left.rank < right.rank);
  };
  const heap: Head<T>[] = [];
  sequences.forEach((sequence, rank) => {
    const rest = sequence[Symbol.iterator]();
    const first = rest.next();
    if (first.done !== true) heap.push({ item: first.value, rest, rank });
  });
  for (let index = (heap.length >> 1) - 1; index >= 0; index--) sink(heap, index, before);
  for (let head = heap[0]; head !== undefined; head = heap[0]) {
    yield head.item;
    const next = head.rest.next();
    if (next.done === true) removeFirst(heap);
    else head.item = next.value;
    sink(heap, 0, before);
  }
}

function removeFirst<T>(heap: Head<T>[]): void {
  const last = heap.pop();
  if (last !== undefined && heap.length > 0) heap[0] = last;
}

function sink<T>(
  heap: Head<T>[],
  start: number,
  before: (left: Head<T>, right: Head<T>) => boolean,
): void {
  let index = start;
  for (;;) {
    const head = heap[index];
    if (head === undefined) return;
    let smallest = index;
    let smallestHead = head;
    for (const child of [2 * index + 1, 2 * index + 2]) {
      const candidate = heap[child];
      if (candidate !== undefined && before(candidate, smallestHead)) {
        smallest = child;
        smallestHead = candidate;
      }
    }
    if (smallest === index) return;
    heap[index] = smallestHead;
    heap[smallest] = head;
    index = smallest;
  }
}
