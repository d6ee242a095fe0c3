/** What the forwarding thread and the monitoring thread say to each other. */
import type { ErrorCode } from '../lib/operating-error.ts';
import type { HealthAddress } from './health-address.ts';
import type { Status } from './status.ts';

export interface MonitorThreadOptions {
  readonly health: HealthAddress | undefined;
  readonly statusFile: string | undefined;
}

export type ToMonitor =
  | { readonly kind: 'status'; readonly status: Status }
  | { readonly kind: 'stop' };

export type FromMonitor =
  /** It listens, at this address if it was asked to, and the status file can be written. */
  | { readonly kind: 'ready'; readonly address: HealthAddress | undefined }
  /** It could not begin; the thread ends. */
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    }
  /** The status was taken; the next one may come. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'trouble'; readonly message: string }
  | { readonly kind: 'stopped' };
