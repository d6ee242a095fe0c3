/** What is kept of bytes that are too many to keep: how many they were, and their checksum. */
import { crc32 } from 'node:zlib';

export class Tally {
  bytes = 0;
  crc = 0;

  add(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.crc = crc32(bytes, this.crc);
  }

  isEqual(other: Tally): boolean {
    return this.bytes === other.bytes && this.crc === other.crc;
  }
}
