import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildReportModel } from '../../src/report/build-model.ts';
import { renderHtml } from '../../src/report/html.ts';
import { readPageAssets } from '../../src/report/page-assets.ts';
import { withoutRemarks } from '../../src/report/remarks.ts';
import { isChromiumInstalled, isChromiumRequired, launchChromium } from './chromium.ts';
import {
  changed,
  largeResult,
  makeResult,
  sampleContext,
  sampleModel,
  sampleResult,
} from './sample-result.ts';

const suite = isChromiumInstalled || isChromiumRequired ? describe : describe.skip;
if (!isChromiumInstalled && !isChromiumRequired) {
  process.stderr.write('report page: Chromium is not installed, its tests are skipped\n');
}

suite('the page of the report, opened from disk in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relaydiff-report-'));
  let browser: Browser;
  const opened: {
    readonly page: Page;
    readonly complaints: string[];
    readonly requests: string[];
  }[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  /** Whatever a test did: the page asked for nothing but itself and complained of nothing. */
  afterEach(async () => {
    for (const { page, complaints, requests } of opened.splice(0)) {
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !url.startsWith('data:'))).toHaveLength(1);
      await page.context().close();
    }
  });

  function write(name: string, model = sampleModel()): string {
    const file = join(folder, name);
    writeFileSync(file, renderHtml(model, readPageAssets()));
    return pathToFileURL(file).href;
  }

  async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      ...options,
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    opened.push({ page, complaints, requests });
    await page.goto(url);
    await page.locator('h1.verdict').waitFor();
    return page;
  }

  const selectedRow = (page: Page): Locator => page.locator('[role=option][aria-selected=true]');
  const shownCount = (page: Page): Promise<string> => page.locator('.shown-count').innerText();

  it('shows verdict, reason and counts at once', async () => {
    const page = await open(write('sample.html'));
    expect(await page.locator('h1.verdict').innerText()).toBe('≠ different');
    expect(await page.locator('.reason').innerText()).toBe(sampleResult.reason);
    expect(await page.locator('.tile', { hasText: 'missing' }).innerText()).toContain('24');
    expect(await page.title()).toBe('different: market-data-coalesced.capture - relaydiff');
  });

  it('shows what each rule did, first those that need somebody, and what was taken of a message', async () => {
    const page = await open(`${write('rules.html')}#d25`);
    const rows = page.locator('.rules tbody tr');
    expect(
      await rows.evaluateAll((all) => all.map((row) => row.getAttribute('data-rule'))),
    ).toEqual(['lost-at-the-open', 'price-rounding', 'clock-of-the-gateway']);
    expect(await rows.nth(0).innerText()).toContain('! expired');
    expect(await rows.nth(1).innerText()).toMatch(/○ unused\s+5 in no unit of its limit/);
    const used = await rows.nth(2).innerText();
    expect(used).toMatch(/✓ used\s+210\s+and a part of 12\s+444/);
    expect(used).toContain('header.timestamp 1756000001990000000 → 1756000001991000000');
    expect(await page.locator('.tile', { hasText: 'swallowed' }).innerText()).toContain('210');
    const plain = await open(write('plain.html', changed(sampleModel(), { rules: [] })));
    expect(await plain.locator('.rules').count()).toBe(0);
  });

  it('filters the list by group, kind, connection, text and time', async () => {
    const page = await open(write('sample.html'));
    expect(await shownCount(page)).toBe('35 of 35');
    await page.locator('[data-group=g2]').click();
    expect(await shownCount(page)).toBe('6 of 35');
    expect(await selectedRow(page).innerText()).toContain('Trade differs in tlv[0].Trade.price');
    await page.locator('[data-group=g2]').click();
    expect(await shownCount(page)).toBe('35 of 35');
    await page.locator('button.tile', { hasText: 'defect' }).click();
    expect(await shownCount(page)).toBe('2 of 35');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.locator('[data-connection="3"]').click();
    expect(await shownCount(page)).toBe('1 of 35');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.getByRole('searchbox').fill('orderbook 50 FIELDS');
    expect(await shownCount(page)).toBe('1 of 35');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    // The button above may have scrolled it away.
    await page.locator('.timeline-plot').scrollIntoViewIfNeeded();
    const box = await page.locator('.timeline-plot').boundingBox();
    if (box === null) throw new Error('the timeline has no place');
    await page.mouse.move(box.x + 2, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + (box.width * 29.5) / 120, box.y + 10);
    await page.mouse.up();
    expect(await shownCount(page)).toBe('16 of 35');
  });

  it('shows both sides of a divergence and marks the bytes that differ', async () => {
    const page = await open(`${write('sample.html')}#d25`);
    const detail = page.getByRole('region', { name: 'Divergence d25' });
    const differing = detail.locator('tr.differs');
    expect(await differing.count()).toBe(1);
    expect(await differing.innerText()).toMatch(/price.*45000\.12.*45001\.12.*42–49/s);
    for (const side of ['old', 'new']) {
      const marked = detail.locator(`.side-${side} .byte.changed`);
      expect(
        await marked.evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-byte'))),
      ).toEqual(['43', '44', '45']);
    }
  });

  it('names the field of a byte, marks its whole range on both sides, and the reverse', async () => {
    const page = await open(`${write('sample.html')}#d25`);
    await page.locator('.side-old .byte[data-byte="44"]').hover();
    expect(await page.locator('.byte-name').innerText()).toBe(
      'tlv[0].Trade.price: bytes 42–49, differs',
    );
    expect(await page.locator('.side-old .byte.hot').count()).toBe(8);
    expect(await page.locator('.side-new .byte.hot').count()).toBe(8);
    expect(await page.locator('tr.hot').getAttribute('data-field')).toBe('tlv[0].Trade.price');
    await page.locator('[data-field="tlv[0].Trade.venue_id"]').hover();
    expect(await page.locator('.side-new .byte.hot').allInnerTexts()).toEqual(['64', '00']);
  });

  it('names bytes without a mouse', async () => {
    const page = await open(`${write('sample.html')}#d25`);
    await page.locator('.side-old .hex').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('.byte-name').innerText()).toBe('header.relay_domain: bytes 4');
  });

  it('shows remarks, side by side and counted, and hides them at a click', async () => {
    const page = await open(`${write('sample.html')}#d25`);
    const remarks = page.getByRole('region', { name: 'Remarks', exact: true });
    expect(await remarks.locator('tbody tr').first().innerText()).toMatch(
      /unknown-enum-number.*in 5 of the list.*Trade.*0.*5.*5 new.*7777 is no VenueId/s,
    );
    const detail = page.getByRole('group', { name: 'Remarks on these messages' });
    expect(await detail.locator('tr.alone').innerText()).toMatch(
      /unknown-enum-number.*only in new.*venue_id.*–.*7777 is no VenueId/s,
    );
    expect(await detail.innerText()).toContain('3 more remarks');
    await detail.locator('tr.alone').hover();
    expect(await page.locator('tr.hot').getAttribute('data-field')).toBe('tlv[0].Trade.venue_id');
    expect(await selectedRow(page).innerText()).toContain('only new: unknown-enum-number');
    await remarks.getByRole('button', { name: 'unknown-enum-number' }).click();
    expect(await shownCount(page)).toBe('5 of 35');
    await page.getByLabel('Show remarks').uncheck();
    expect(await shownCount(page)).toBe('35 of 35');
    expect(await detail.count()).toBe(0);
    expect(await remarks.locator('tbody tr').count()).toBe(0);
    expect(await page.getByText('unknown-enum-number').count()).toBe(0);
  });

  it('shows what was taken for noise, what was learned of it, and what did not fit', async () => {
    const page = await open(write('noise.html'));
    const noise = page.getByRole('region', { name: 'Noise' });
    expect(await noise.locator('tbody tr').allInnerTexts()).toEqual([
      expect.stringMatching(
        /Trade\s+header\.timestamp\s+clock\s+offset \+12 us.*10,378\s+10,370\s+8\s+2 of 9,800/s,
      ),
    ]);
    expect(await noise.innerText()).toContain('false alarms there: 2 of 60,000');
    expect(await noise.innerText()).toContain('not learned: Trade header.flags');
  });

  it('has no remarks when they were left out of the result', async () => {
    const model = buildReportModel(withoutRemarks(sampleResult), sampleContext);
    const page = await open(`${write('no-remarks.html', model)}#d25`);
    expect(await page.getByText('zero-checksum').count()).toBe(0);
    expect(await page.getByRole('region', { name: 'Remarks', exact: true }).count()).toBe(0);
  });

  it('says that a missing message was not forwarded', async () => {
    const page = await open(`${write('sample.html')}#d3`);
    expect(await page.locator('.side-new').innerText()).toContain('not forwarded');
    expect(await page.locator('.side-old .byte').count()).toBe(74);
    expect(await page.locator('.byte.changed, .byte.alone').count()).toBe(0);
  });

  it('marks an inserted TLV as being on one side only', async () => {
    const page = await open(`${write('sample.html')}#d30`);
    expect(await page.locator('.side-new .hex .byte.alone').count()).toBe(11);
    expect(await page.locator('.side-old .hex .byte.alone').count()).toBe(0);
    await page.getByLabel('Hide encoding').check();
    await page.getByLabel('Only differences').check();
    expect(await page.locator('tr.differs').count()).toBe(2);
    expect(await page.locator('.fields tbody tr').count()).toBe(2);
  });

  it('opens at the divergence or group of the address, and follows it', async () => {
    const page = await open(`${write('sample.html')}#d33`);
    expect(await selectedRow(page).innerText()).toContain('bad-magic');
    await page.evaluate("location.hash = '#g5'");
    await page.locator('tr.selected[data-group=g5]').waitFor();
    expect(await shownCount(page)).toBe('2 of 35');
    await page.evaluate("location.hash = '#d1'");
    await page.getByRole('region', { name: 'Divergence d1', exact: true }).waitFor();
  });

  it('is driven by the keyboard and keeps the address in step', async () => {
    const page = await open(`${write('sample.html')}#d1`);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    expect(page.url()).toMatch(/#d2$/);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('ArrowDown');
    expect(page.url()).toMatch(/#d3$/);
    await page.keyboard.press('End');
    expect(page.url()).toMatch(/#d35$/);
    expect(await selectedRow(page).innerText()).toContain('close');
    expect(await page.locator('.detail').innerText()).toContain('it has no bytes');
    await page.getByRole('searchbox').focus();
    await page.keyboard.type('jjk');
    expect(page.url()).toMatch(/#d35$/);
  });

  it('follows the system in light and dark, and the toggle over it', async () => {
    const url = write('sample.html');
    const background = (page: Page): Promise<string> =>
      page.locator('body').evaluate((body) => {
        const view = body.ownerDocument.defaultView;
        return view === null ? '' : view.getComputedStyle(body).backgroundColor;
      });
    const light = await background(await open(url, { colorScheme: 'light' }));
    const page = await open(url, { colorScheme: 'dark' });
    const dark = await background(page);
    expect(dark).not.toBe(light);
    await page.getByText('light', { exact: true }).click();
    expect(await background(page)).toBe(light);
  });

  it('shows text of the traffic as text', async () => {
    const hostile = `</script><img src=x onerror="document.title='owned'">`;
    const model = sampleModel();
    const page = await open(
      write('hostile.html', {
        ...model,
        reason: hostile,
        rows: model.rows.map((row) => changed(row, { subject: hostile, detail: hostile })),
        groups: model.groups.map((group) => changed(group, { title: hostile })),
      }),
    );
    expect(await page.locator('.reason').innerText()).toBe(hostile);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.title()).not.toBe('owned');
  });

  it('is complete where nothing differs', async () => {
    const same = {
      ...makeResult([]),
      verdict: 'same' as const,
      reason: 'All frames are identical.',
    };
    const page = await open(write('same.html', buildReportModel(same, sampleContext)));
    expect(await page.locator('h1.verdict').innerText()).toBe('✓ same');
    expect(await page.getByRole('listbox').count()).toBe(0);
  });

  it('stays small in the document with a hundred thousand divergences', async () => {
    const model = buildReportModel(largeResult(100_000), sampleContext);
    expect(Object.keys(model.details)).toHaveLength(2_000);
    const page = await open(write('large.html', model));
    expect(await shownCount(page)).toBe('100,000 of 100,000');
    expect(await page.locator('[role=option]').count()).toBeLessThan(60);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('End');
    await page.locator('#row-d100000').waitFor();
    expect(await page.locator('[role=option]').count()).toBeLessThan(60);
    expect(await page.locator('.notice').innerText()).toContain('Details of 2,000 of 100,000 are');
  });

  it('can be used on a narrow screen', async () => {
    const page = await open(`${write('sample.html')}#d25`, {
      viewport: { width: 400, height: 800 },
    });
    const overflow = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overflow).toBeLessThanOrEqual(0);
    expect(await page.locator('.side-old .byte.changed').count()).toBe(3);
  });
});
