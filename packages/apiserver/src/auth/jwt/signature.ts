/** Verifies a compact JWT against a set of public keys. Source: github.com/coreos/go-oidc verify.go, jwks.go. */
import { compactVerify, importJWK, type JWK } from 'jose';
import type { Claims } from './expressions.ts';

/** What a provider may sign with. */
export const SIGNING_ALGORITHMS = [
  ...['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'],
] as const;

export interface KeySet {
  /** Keys as they are known, or asked for again. */
  keys(again: boolean): Promise<readonly JWK[]>;
}

interface Header {
  readonly alg?: unknown;
  readonly kid?: unknown;
  readonly crit?: unknown;
}

const decoder = new TextDecoder();

/** Not verified. undefined: not a compact JWT. */
export function readUnverified(token: string): { readonly header: Header; readonly claims: Claims } | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  const [header, claims] = [jsonPart(parts[0] as string), jsonPart(parts[1] as string)];
  return header === undefined || claims === undefined ? undefined : { header, claims };
}

function jsonPart(text: string): Claims | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const value = JSON.parse(decoder.decode(Uint8Array.from(binary, (char) => char.charCodeAt(0))));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves when a key of the set signed the token; unknown keys are asked for once more. Rejects with Error. */
export async function verifySignature(token: string, keySet: KeySet, algorithms: readonly string[]): Promise<void> {
  const header = readUnverified(token)?.header;
  if (header === undefined) throw new Error('oidc: malformed jwt');
  const { alg, kid } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    const expected = algorithms.map((name) => JSON.stringify(name)).join(' ');
    throw new Error(
      `oidc: id token signed with unsupported algorithm, expected [${expected}] got ${JSON.stringify(alg ?? '')}`,
    );
  }
  const keyId = typeof kid === 'string' ? kid : '';
  if (await isSignedByOne(token, await keySet.keys(false), keyId, alg)) return;
  if (await isSignedByOne(token, await keySet.keys(true), keyId, alg)) return;
  throw new Error('failed to verify signature: failed to verify id token signature');
}

async function isSignedByOne(token: string, keys: readonly JWK[], keyId: string, alg: string): Promise<boolean> {
  for (const key of keys) {
    if ((keyId !== '' && key.kid !== keyId) || !fits(key, alg)) continue;
    try {
      await compactVerify(token, await importJWK(key, alg), { algorithms: [alg] });
      return true;
    } catch {
      // Another key of the set may have signed it.
    }
  }
  return false;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

/** A symmetric key in the set is never one. */
function fits({ kty, crv, use }: JWK, alg: string): boolean {
  if (use !== undefined && use !== '' && use !== 'sig') return false;
  return alg.startsWith('ES') ? kty === 'EC' && crv === CURVES[alg] : kty === 'RSA';
}
