/** The organizations (groups) in a PEM certificate request: just enough of DER to find them. Source: X.690, RFC 2986. */
const ORGANIZATION = [0x06, 0x03, 0x55, 0x04, 0x0a]; // the attribute type 2.5.4.10 with its tag and length

/** `request` is base64 of the PEM text; undefined when it is no certificate request. */
export function organizationsOf(request: string): string[] | undefined {
  const bytes = derOf(request);
  if (bytes === undefined) return undefined;
  const found: string[] = [];
  for (let at = 0; at + ORGANIZATION.length + 2 <= bytes.length; at++) {
    if (!ORGANIZATION.every((byte, i) => bytes[at + i] === byte)) continue;
    const start = at + ORGANIZATION.length;
    const length = bytes[start + 1] ?? 0;
    // Lengths of 128 and more have another form; no name that matters here is that long.
    if (length >= 0x80) continue;
    found.push(new TextDecoder().decode(bytes.subarray(start + 2, start + 2 + length)));
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
