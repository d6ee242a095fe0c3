/**
 * Writes the report as one HTML file that needs nothing else: style, program and model are inside, and a
 * content security policy forbids any network and any script but ours, whatever text the traffic holds.
 * The model travels as deflated JSON in base64, an alphabet in which no markup can be written.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { DIVERGENCE_KINDS } from '../diff/types.ts';
import type { ReportModel } from './model.ts';

/** The built program of the page. */
export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

export function renderHtml(model: ReportModel, assets: PageAssets): string {
  const script = escapeScript(assets.script);
  const style = assets.style.replaceAll('</', '<\\/');
  const data = deflateRawSync(JSON.stringify(model)).toString('base64');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="${policy(script)}">
<title>${escapeHtml(`${model.verdict}: ${model.capture.name} - relaydiff`)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<noscript>${noscript(model)}</noscript>
<div id="app"></div>
<script type="application/octet-stream" id="relaydiff-model">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** Text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Inside a script element only these sequences end or change the script, and only string literals hold them. */
function escapeScript(script: string): string {
  return script.replaceAll(/<\/(script)/gi, '<\\/$1').replaceAll('<!--', '<\\!--');
}

function policy(script: string): string {
  const hash = createHash('sha256').update(script).digest('base64');
  return [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function noscript(model: ReportModel): string {
  const { counts } = model;
  const kinds = DIVERGENCE_KINDS.filter((kind) => counts.divergences[kind] > 0);
  const items = kinds.map((kind) => `<li>${kind}: ${counts.divergences[kind]}</li>`).join('');
  const groups = model.groups.map(
    (group) => `<li>${escapeHtml(`${group.title} (${group.count}): ${group.cause}`)}</li>`,
  );
  return `<h1>relaydiff: ${escapeHtml(model.verdict)}</h1>
<p>${escapeHtml(model.reason)}</p>
<p>${escapeHtml(model.capture.name)}: ${counts.old} frames old, ${counts.new} frames new, ${counts.pairs} pairs, ${counts.identical} identical.</p>
<ul>${items}</ul>
<ul>${groups.join('')}</ul>
<p>The rest of this report needs JavaScript. Nothing is loaded from a network.</p>`;
}
