/** Puts the resourceVersion into encoded objects without decoding them. */

const encoder = new TextEncoder();

/** Splices `"resourceVersion":"N",` behind `head`, the first bytes of every stored value of one resource. */
export function createSplicer(head: string): (value: Uint8Array, revision: number) => Uint8Array {
  const headBytes = encoder.encode(head);
  return (value, revision) => {
    const insert = encoder.encode(`"resourceVersion":"${revision}",`);
    const bytes = new Uint8Array(value.length + insert.length);
    bytes.set(value.subarray(0, headBytes.length), 0);
    bytes.set(insert, headBytes.length);
    bytes.set(value.subarray(headBytes.length), headBytes.length + insert.length);
    return bytes;
  };
}
