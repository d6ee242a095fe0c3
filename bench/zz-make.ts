import { writeDiffCapture } from './diff-captures.ts';
const [path = '', frames = '0', recording = ''] = process.argv.slice(2);
writeDiffCapture(path, { name: '', frames: Number(frames), divergesEvery: 100, isInterleaved: false, messages: 'noise', recording: recording as 'plain' });
