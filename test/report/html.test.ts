import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { escapeHtml, renderHtml } from '../../src/report/html.ts';
import type { ReportModel } from '../../src/report/model.ts';
import { changed, sampleModel } from './sample-result.ts';

const HOSTILE = `</script><img src=x onerror="alert('1')"><!-- & \u2028`;

const assets = {
  script: 'const end = "</script>", comment = "<!--";',
  style: 'a{content:"</style>"}',
};

function hostileModel(): ReportModel {
  const model = sampleModel();
  return {
    ...model,
    reason: HOSTILE,
    capture: { ...model.capture, name: HOSTILE },
    groups: model.groups.map((group) => changed(group, { title: HOSTILE, cause: HOSTILE })),
    rows: model.rows.map((row) => changed(row, { subject: HOSTILE, detail: HOSTILE })),
  };
}

describe('the HTML of the report', () => {
  const html = renderHtml(hostileModel(), assets);

  it('lets no text of the traffic become markup', () => {
    expect(html).not.toContain('<img');
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    expect(html.match(/<\/style>/g)).toHaveLength(1);
    expect(html).not.toContain('<!--');
    expect(html).toContain(escapeHtml(HOSTILE));
  });

  it('carries the whole model, and nothing but base64 in its element', () => {
    const data = /id="relaydiff-model">([^<]*)</.exec(html)?.[1] ?? '';
    expect(data).toMatch(/^[A-Za-z0-9+/=]+$/);
    expect(JSON.parse(inflateRawSync(Buffer.from(data, 'base64')).toString())).toEqual(
      hostileModel(),
    );
  });

  it('allows its own script by hash and nothing from anywhere', () => {
    const script = /<script>(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    const hash = createHash('sha256').update(script).digest('base64');
    expect(html).toContain(`default-src 'none'; script-src 'sha256-${hash}'`);
    expect(html).not.toMatch(/(src|href)="(?!data:)/);
  });

  it('says verdict, counts and groups where scripts are off', () => {
    const plain = renderHtml(sampleModel(), assets);
    const noscript = /<noscript>(.*?)<\/noscript>/s.exec(plain)?.[1];
    expect(noscript).toContain('relaydiff: different');
    expect(noscript).toContain('<li>missing: 24</li>');
    expect(noscript).toContain('Prices and sizes differ (6): unexplained');
  });
});
