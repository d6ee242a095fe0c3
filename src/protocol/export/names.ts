/** Names of the schemas as identifiers of other languages: lower_snake_case, and each once in its scope. */

/** `TradeTLV` -> `trade_tlv`, `FixedVec<u128,8>` -> `fixed_vec_u128_8`, `_padding` -> `padding`. */
export function snakeCase(name: string): string {
  const snake = name
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z\d]+/g, '_')
    .replace(/^_+|_+$/g, '');
  return /^[a-z]/.test(snake) ? snake : `x${snake}`;
}

/** Gives every name an identifier of its own: a taken one gets a number. */
export class Scope {
  readonly #taken: Set<string>;
  readonly #given = new Map<string, string>();

  constructor(reserved: Iterable<string> = []) {
    this.#taken = new Set(reserved);
  }

  /** The same name gets the same identifier again. */
  idOf(name: string): string {
    const given = this.#given.get(name) ?? this.fresh(name);
    this.#given.set(name, given);
    return given;
  }

  /** An identifier that nothing else has, made of the name. */
  fresh(name: string): string {
    const wanted = snakeCase(name);
    let id = wanted;
    for (let number = 2; this.#taken.has(id); number++) id = `${wanted}_${number}`;
    this.#taken.add(id);
    return id;
  }
}
