/** Keys of service accounts' tokens in PEM. Source: client-go/util/keyutil, kubernetes pkg/serviceaccount/{jwt,openidmetadata}.go. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

export interface TrustedKey {
  /** As tokens name it in `kid`. */
  readonly id: string;
  readonly key: KeyObject;
  /** `RS256`, `ES256`, `ES384`, `ES512`. */
  readonly algorithm: string;
}

const BLOCK = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g;
const ALGORITHM_OF_CURVE: Readonly<Record<string, string>> = {
  ...{ prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' },
};

/** The public halves of all private keys, public keys and certificates in a text. Throws Error; never with what is in it. */
export function publicKeysOf(pem: string): readonly TrustedKey[] {
  const keys = [...pem.matchAll(BLOCK)]
    .filter(([, type]) => type !== 'EC PARAMETERS')
    .map(([block]) => trustedKey(createPublicKey(block)));
  if (keys.length === 0) throw new Error('data does not contain any valid RSA or ECDSA public keys');
  return keys;
}

export function trustedKey(key: KeyObject): TrustedKey {
  const algorithm =
    key.asymmetricKeyType === 'rsa' ? 'RS256' : ALGORITHM_OF_CURVE[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (algorithm === undefined) throw new Error(`unknown public key type ${key.asymmetricKeyType}`);
  const der = key.export({ type: 'spki', format: 'der' });
  return { id: createHash('sha256').update(der).digest('base64url'), key, algorithm };
}
