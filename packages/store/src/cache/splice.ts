/** Puts the resourceVersion into encoded objects without decoding them. */

const encoder = new TextEncoder();

const METADATA = encoder.encode('"metadata":{');
const BEFORE = encoder.encode('"resourceVersion":"');
const AFTER = encoder.encode('",');
const NEWLINE = 10;
const ZERO = 48;

/**
 * Splices `"resourceVersion":"N",` behind `head`, the first bytes of every stored value of one resource. Values that were
 * stored in another version of their kind have a head of another length, which ends in the same words. In the memory of
 * what is made, a newline follows: see `lineOf`.
 */
export function createSplicer(head: string): (value: Uint8Array, revision: number) => Uint8Array {
  const usual = encoder.encode(head).length;
  return (value, revision) => {
    const headLength = endsHead(value, usual) ? usual : findHead(value);
    const inserted = insertBytes(revision);
    const bytes = new Uint8Array(value.length + inserted + 1);
    bytes.set(value.subarray(0, headLength), 0);
    writeInsert(bytes, headLength, inserted, revision);
    bytes.set(value.subarray(headLength), headLength + inserted);
    bytes[bytes.length - 1] = NEWLINE;
    return bytes.subarray(0, bytes.length - 1);
  };
}

/** What a splicer made, with a newline behind it, as answers end. Not a copy. */
export function lineOf(spliced: Uint8Array): Uint8Array {
  return new Uint8Array(spliced.buffer, spliced.byteOffset, spliced.length + 1);
}

/** The stored value again, of bytes that were made of it at `revision`. */
export function withoutRevision(bytes: Uint8Array, revision: number): Uint8Array {
  const head = findHead(bytes);
  const length = insertBytes(revision);
  const value = new Uint8Array(bytes.length - length);
  value.set(bytes.subarray(0, head), 0);
  value.set(bytes.subarray(head + length), head);
  return value;
}

/** By how much a value grows. */
export function insertBytes(revision: number): number {
  let digits = 1;
  for (let rest = revision; rest >= 10; rest /= 10) digits++;
  return BEFORE.length + digits + AFTER.length;
}

function writeInsert(bytes: Uint8Array, at: number, length: number, revision: number): void {
  bytes.set(BEFORE, at);
  let end = at + length - AFTER.length;
  bytes.set(AFTER, end);
  for (let rest = revision; end > at + BEFORE.length; rest = Math.floor(rest / 10)) bytes[--end] = ZERO + (rest % 10);
}

function endsHead(value: Uint8Array, end: number): boolean {
  const start = end - METADATA.length;
  for (let i = 0; i < METADATA.length; i++) if (value[start + i] !== METADATA[i]) return false;
  return true;
}

/** Kinds and versions hold no quotes: the first such word is the head's. Throws when there is none. */
function findHead(value: Uint8Array): number {
  for (let end = METADATA.length; end <= value.length; end++) if (endsHead(value, end)) return end;
  throw new Error('a stored value has no metadata');
}
