/** Names in a PEM certificate request: just enough of DER to find them. Source: X.690, RFC 2986. */
/** Attribute types with tag and length: 2.5.4.10 and 2.5.4.3. */
const ORGANIZATION = [0x06, 0x03, 0x55, 0x04, 0x0a];
const COMMON_NAME = [0x06, 0x03, 0x55, 0x04, 0x03];

/** `request` is base64 of the PEM text; undefined when it is no certificate request. */
export function organizationsOf(request: string): string[] | undefined {
  return valuesOf(request, ORGANIZATION);
}

/**
 * Whether the only common name is this one. Bytes that look like another one anywhere in the request, even where no
 * subject is, or whose length is written in another form, are taken for one: whoever writes the request may hide it there.
 */
export function isOnlyCommonName(request: string, name: string): boolean {
  const names = valuesOf(request, COMMON_NAME, '');
  return names !== undefined && names.length > 0 && names.every((found) => found === name);
}

/** `long`: what stands for values whose length has another form; absent: they are left out. */
function valuesOf(request: string, type: readonly number[], long?: string): string[] | undefined {
  const bytes = derOf(request);
  if (bytes === undefined) return undefined;
  const found: string[] = [];
  for (let at = 0; at + type.length + 2 <= bytes.length; at++) {
    if (!type.every((byte, i) => bytes[at + i] === byte)) continue;
    const start = at + type.length;
    const length = bytes[start + 1] ?? 0;
    // Lengths of 128 and more have another form; no organization that matters here is that long.
    if (length < 0x80) found.push(new TextDecoder().decode(bytes.subarray(start + 2, start + 2 + length)));
    else if (long !== undefined) found.push(long);
  }
  return found;
}

function derOf(request: string): Uint8Array | undefined {
  try {
    const match = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([\s\S]*?)-----END/.exec(atob(request));
    if (match?.[1] === undefined) return undefined;
    return Uint8Array.from(atob(match[1].replaceAll(/\s/g, '')), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}
