/** One comparison in a process of its own, so that its memory is its own: prints what it took as JSON. */
import { openCapture } from '../src/capture/open.ts';
import { diffCapture } from '../src/diff/diff-capture.ts';
import { JoinedCapture } from '../src/diff/two-captures/joined-capture.ts';
import { loadBuiltInProtocol } from '../src/protocol/files.ts';
import { DIALECT } from './diff-captures.ts';

const [remarks = 'count', path = '', second] = process.argv.slice(2);
const dialect = loadBuiltInProtocol().dialect(DIALECT);
const first = openCapture(path);
const cpu = process.cpuUsage();
const startMs = performance.now();
const layouts = { old: dialect.header, new: dialect.header };
const reader =
  second === undefined
    ? first
    : new JoinedCapture(first, openCapture(second), { layouts, newSide: 'old' });
const { counts, verdict } = diffCapture(reader, {
  oldDialect: dialect,
  newDialect: dialect,
  remarks: remarks === 'count',
});
const wallMs = performance.now() - startMs;
const { user, system } = process.cpuUsage(cpu);
reader.close();
const { maxRSS } = process.resourceUsage();
const divergences = Object.values(counts.divergences).reduce((sum, count) => sum + count, 0);
console.log(
  JSON.stringify({
    wallMs,
    cpuMs: (user + system) / 1_000,
    peakMiB: maxRSS / 1_024,
    verdict,
    pairs: counts.pairs,
    divergences,
    unjudged: counts.gaps.frames,
  }),
);
