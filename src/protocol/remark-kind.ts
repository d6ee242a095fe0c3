/** What can be odd about a message. By itself, so that results and pages can name it without the protocol. */

/**
 * - `wrong-declared-size`: the registry declares one size, and the value has another.
 * - `out-of-bounds-size`: the value is shorter or longer than the bounds of the registry. No parser enforces them.
 * - `unfit-struct`: the type has a struct, and the bytes are not it; they stay raw.
 * - `count-over-capacity`: the size is the struct's, but a FixedVec says more elements than it has.
 * - `zero-checksum`: not computed. `wrong-checksum`: computed otherwise, or the bytes have changed.
 * - `unknown-enum-number`: no name of the dialect; for flags, a bit without a name.
 * - `non-zero-padding`: padding, or elements behind the count, that hold something.
 * - `type-outside-domain-range`: the registry puts the TLV into another domain than the header.
 * - `unknown-type`: in no registry and in no vendor range.
 * - `unusual-version`: another one than every known publisher writes.
 */
export const REMARK_KINDS = [
  'wrong-declared-size',
  'out-of-bounds-size',
  'unfit-struct',
  'count-over-capacity',
  'zero-checksum',
  'wrong-checksum',
  'unknown-enum-number',
  'non-zero-padding',
  'type-outside-domain-range',
  'unknown-type',
  'unusual-version',
] as const;

export type RemarkKind = (typeof REMARK_KINDS)[number];
