/** Whether a bundle of certificates can be used. Pure. Source: client-go/transport, rootCertPool; Go's AppendCertsFromPEM. */
import { decodeBase64 } from './base64.ts';

const BLOCK = /-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----/g;
const SEQUENCE = 0x30;

/** `bundle`: base64 of PEM. One certificate in it is enough; none is needed where the bundle is empty. */
export function isUsableBundle(bundle: string | undefined): boolean {
  if (!bundle) return true;
  const pem = decodeBase64(bundle);
  if (pem === undefined) return false;
  return [...pem.matchAll(BLOCK)].some(([, body = '']) => isCertificate(body.replace(/\s+/g, '')));
}

/** One DER sequence as long as it says, which begins with another: the shape of a certificate. */
function isCertificate(base64: string): boolean {
  let der: Uint8Array;
  try {
    der = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return false;
  }
  const outer = header(der, 0);
  return outer !== undefined && outer.end === der.length && header(der, outer.start) !== undefined;
}

/** Where the content of a sequence starts and ends; undefined for what is none, or goes on beyond the bytes. */
function header(der: Uint8Array, at: number): { readonly start: number; readonly end: number } | undefined {
  const [tag, first] = [der[at], der[at + 1]];
  if (tag !== SEQUENCE || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4) return undefined;
  let length = first < 0x80 ? first : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (der[at + 2 + i] ?? 0);
  const start = at + 2 + lengthBytes;
  return start + length <= der.length ? { start, end: start + length } : undefined;
}
