/** One comparison in a process of its own, so that its memory is its own: prints what it took as JSON. */
import { openCapture } from '../src/capture/open.ts';
import { diffCapture } from '../src/diff/diff-capture.ts';
import { loadBuiltInProtocol } from '../src/protocol/files.ts';
import { readFileSync } from 'node:fs';
import { parseNoiseModel } from '../src/diff/noise/model.ts';

const [path = '', remarks = 'count', old = '', neu = '', noise = ''] = process.argv.slice(2);
const protocol = loadBuiltInProtocol();
const reader = openCapture(path);
const cpu = process.cpuUsage();
const startMs = performance.now();
const { counts, verdict } = diffCapture(reader, {
  oldDialect: protocol.dialect(old),
  newDialect: protocol.dialect(neu),
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
