/** Tells contents apart for caches; no security rests on it. FNV-1a from both ends, as 32 hex digits. */
export function contentHash(bytes: Uint8Array): string {
  const words = [0x811c9dc5, 0xc59d1c81, 0x01000193, 0x93010001];
  for (let i = 0; i < bytes.length; i++) {
    const at = i & 3;
    words[at] = Math.imul((words[at] as number) ^ (bytes[i] as number), 0x01000193);
  }
  words[0] = (words[0] as number) ^ bytes.length;
  return words
    .map((word) => (word >>> 0).toString(16).padStart(8, '0'))
    .join('')
    .toUpperCase();
}
