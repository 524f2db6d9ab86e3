/** One text for equal values, and short names for texts. Source: Go's encoding/json for maps, hash/fnv, util/rand.SafeEncodeString. */

import { goJson } from '@kapella/base';

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const FNV_OFFSET = 2166136261;
const FNV_PRIME = 16777619;

/** JSON with sorted keys as Go writes it; absent and undefined members are the same. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return goJson(value ?? null);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${goJson(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

/** The same value with its members in that order, so that its JSON is that text. */
export function inCanonicalOrder<T>(value: T): T {
  return JSON.parse(canonicalJson(value)) as T;
}

/** FNV-1 over UTF-8, 32 bits, with `probe` appended where given. */
export function hashText(text: string, probe?: number): string {
  const bytes = new TextEncoder().encode(probe === undefined ? text : text + String(probe));
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = (Math.imul(hash, FNV_PRIME) ^ byte) >>> 0;
  return safeEncode(String(hash));
}

/** No vowels, so no words by chance; each character stands for one of the input's. */
export function safeEncode(text: string): string {
  return [...text].map((character) => ALPHABET[character.charCodeAt(0) % ALPHABET.length]).join('');
}
