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

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The same numbers for the same seed (mulberry32). */
export function createSeededRandom(seed = 1): Random {
  let state = seed >>> 0;
  const float = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const bytes = (length: number) => {
    const made = new Uint8Array(length);
    for (let i = 0; i < length; i++) made[i] = Math.floor(float() * 256);
    return made;
  };
  const hex = (length: number) => {
    let text = '';
    for (let i = 0; i < length; i++) text += HEX[Math.floor(float() * 256)];
    return text;
  };
  return { float, bytes, uuid: () => `${hex(4)}-${hex(2)}-4${hex(2).slice(1)}-a${hex(2).slice(1)}-${hex(6)}` };
}
