/** Puts the resourceVersion into encoded objects without decoding them. */

const encoder = new TextEncoder();

const METADATA = encoder.encode('"metadata":{');

/**
 * Splices `"resourceVersion":"N",` behind `head`, the first bytes of every stored value of one resource. Values that were
 * stored in another version of their kind have a head of another length, which ends in the same words.
 */
export function createSplicer(head: string): (value: Uint8Array, revision: number) => Uint8Array {
  const usual = encoder.encode(head).length;
  return (value, revision) => {
    const headLength = endsHead(value, usual) ? usual : findHead(value);
    const insert = insertOf(revision);
    const bytes = new Uint8Array(value.length + insert.length);
    bytes.set(value.subarray(0, headLength), 0);
    bytes.set(insert, headLength);
    bytes.set(value.subarray(headLength), headLength + insert.length);
    return bytes;
  };
}

/** The stored value again, of bytes that were made of it at `revision`. */
export function withoutRevision(bytes: Uint8Array, revision: number): Uint8Array {
  const head = findHead(bytes);
  const length = insertOf(revision).length;
  const value = new Uint8Array(bytes.length - length);
  value.set(bytes.subarray(0, head), 0);
  value.set(bytes.subarray(head + length), head);
  return value;
}

const insertOf = (revision: number) => encoder.encode(`"resourceVersion":"${revision}",`);

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
