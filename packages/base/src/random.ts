/** Chance comes from outside, so that a seed replays a whole run. */

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** Fresh bytes; cryptographically strong outside simulation. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** RFC 4122 version 4. */
  uuid(): string;
}

// No vowels and no look-alikes: the alphabet of upstream's generated names.
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** `length` characters as `metadata.generateName` appends them. */
export function randomSuffix(length: number, random: Random): string {
  let text = '';
  for (let i = 0; i < length; i++) text += NAME_ALPHABET[Math.floor(random.float() * NAME_ALPHABET.length)];
  return text;
}

/** Each `n`-spaced duration of `baseMs`, up to `factor` longer: spreads periodic work. */
export function jitter(baseMs: number, factor: number, random: Random): number {
  return baseMs * (1 + random.float() * factor);
}
