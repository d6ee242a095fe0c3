/** Where the health server listens, as an operator writes it: a port is one on this machine only. Pure. */
export interface HealthAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

const LOOPBACK_HOST = '127.0.0.1';
const PORT_MAX = 65_535;

/** `9100`, `:9100`, `localhost:9100`, `10.0.0.5:9100`, `[::1]:9100`; undefined for anything else. */
export function parseHealthAddress(text: string): HealthAddress | undefined {
  const match = /^(?:(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[\w.-]*)):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port'] ?? Number.NaN);
  if (!(port <= PORT_MAX)) return undefined;
  const named = match?.groups?.['v6'] ?? match?.groups?.['host'] ?? '';
  return { host: named === '' ? LOOPBACK_HOST : named, port };
}

/** Whether only programs on this machine can connect. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

export function formatAddress({ host, port }: HealthAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
