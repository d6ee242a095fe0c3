/** One comparison in a process of its own, so that its memory is its own: prints what it took as JSON. */
import { openCapture } from '../src/capture/open.ts';
import { diffCapture } from '../src/diff/diff-capture.ts';
import { JoinedCapture } from '../src/diff/two-captures/joined-capture.ts';
import { loadBuiltInProtocol } from '../src/protocol/files.ts';
import { readFileSync } from 'node:fs';
import { parseNoiseModel } from '../src/diff/noise/model.ts';

const [remarks = 'count', old = '', neu = '', noise = '', path = '', second] =
  process.argv.slice(2);
const protocol = loadBuiltInProtocol();
const [oldDialect, newDialect] = [protocol.dialect(old), protocol.dialect(neu)];
const first = openCapture(path);
const cpu = process.cpuUsage();
const startMs = performance.now();
const layouts = { old: oldDialect.header, new: newDialect.header };
const reader =
  second === undefined
    ? first
    : new JoinedCapture(first, openCapture(second), { layouts, newSide: 'old' });
const { counts, verdict } = diffCapture(reader, {
  oldDialect,
  newDialect,
  remarks: remarks === 'count',
  ...(noise !== '' && { noise: parseNoiseModel(readFileSync(noise, 'utf8'), noise) }),
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
