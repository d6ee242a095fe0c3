/** What a relay can do to a replay that ends it. */
import { OperatingError } from '../lib/operating-error.ts';

export function unreachable(path: string): OperatingError {
  return new OperatingError('RELAY_UNREACHABLE', `no relay is listening at ${path}`, {
    hint: 'Start the relay first, or correct --target.',
  });
}

export function lost(what: string): OperatingError {
  return new OperatingError('RELAY_LOST', `the relay ${what}`, {
    hint: 'What was played until then is in the new capture; look into the log of the relay.',
  });
}
