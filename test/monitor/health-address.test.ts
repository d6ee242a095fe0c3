import { expect, it } from 'vitest';
import { formatAddress, isLoopback, parseHealthAddress } from '../../src/monitor/health-address.ts';

it.each([
  ['9100', '127.0.0.1', 9_100],
  [':9100', '127.0.0.1', 9_100],
  ['0', '127.0.0.1', 0],
  ['localhost:80', 'localhost', 80],
  ['0.0.0.0:9100', '0.0.0.0', 9_100],
  ['[::1]:9100', '::1', 9_100],
  ['relay-7.example:65535', 'relay-7.example', 65_535],
])('%s means %s, port %d', (text, host, port) => {
  expect(parseHealthAddress(text)).toEqual({ host, port });
});

it.each(['', ':', 'localhost', '65536', '::1:9100', '[::1]', '1.2.3.4:', 'a b:1', '-1', '9100/x'])(
  '%j is no address',
  (text) => {
    expect(parseHealthAddress(text)).toBeUndefined();
  },
);

it('knows which addresses other machines can reach, and writes addresses as URLs do', () => {
  expect(['127.0.0.1', '127.8.9.1', '::1', 'localhost'].map(isLoopback)).not.toContain(false);
  expect(['0.0.0.0', '::', '10.0.0.5', '127.example'].map(isLoopback)).not.toContain(true);
  expect(formatAddress({ host: '::1', port: 1 })).toBe('[::1]:1');
  expect(formatAddress({ host: '10.0.0.5', port: 1 })).toBe('10.0.0.5:1');
});
