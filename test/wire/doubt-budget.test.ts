import { describe, expect, it } from 'vitest';
import { DoubtBudget } from '../../src/wire/doubt-budget.ts';

const MEBIBYTE = 1_048_576;

/** How many checksums over the largest frame can be paid at once. */
function affordable(budget: DoubtBudget): number {
  let count = 0;
  while (budget.spend(MEBIBYTE)) count++;
  return count;
}

describe('the budget for doubts', () => {
  it('pays for sixty-four large frames at once, and then for what the stream earns', () => {
    const budget = new DoubtBudget();
    expect(affordable(budget)).toBe(64);
    budget.earn(MEBIBYTE / 64 - 1);
    expect(affordable(budget)).toBe(0);
    budget.earn(1);
    expect(affordable(budget)).toBe(1);
  });

  it('saves no more than it began with', () => {
    const budget = new DoubtBudget();
    budget.earn(1_000 * MEBIBYTE);
    expect(affordable(budget)).toBe(64);
  });

  it('takes nothing for what it refuses, and gives back what was not needed', () => {
    const budget = new DoubtBudget();
    expect(budget.spend(65 * MEBIBYTE)).toBe(false);
    expect(budget.spend(64 * MEBIBYTE)).toBe(true);
    budget.giveBack(2 * MEBIBYTE);
    expect(affordable(budget)).toBe(2);
  });
});
