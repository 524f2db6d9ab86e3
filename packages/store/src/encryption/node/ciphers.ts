/** AES-GCM, AES-CBC and XSalsa20-Poly1305 as upstream lays their values out. Source: apiserver/pkg/storage/value/encrypt. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { concat, type Transformer } from '../transformer.ts';

const GCM_NONCE = 12;
const GCM_TAG = 16;
const CBC_BLOCK = 16;
const SECRETBOX_NONCE = 24;
const SECRETBOX_TAG = 16;
/** Of a derived key: what it is derived with, kept before each value. */
export const INFO_BYTES = 32;

const tooShort = () => new Error('the stored data was shorter than the required size');
const isCurrent = () => true;

type GcmName = 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm';

/** `nonce | ciphertext | tag`, bound to the context. */
export function createGcm(key: Uint8Array): Transformer {
  const name = `aes-${key.length * 8}-gcm` as GcmName;
  return {
    read(data, context) {
      if (data.length < GCM_NONCE + GCM_TAG) throw tooShort();
      const decipher = createDecipheriv(name, key, data.subarray(0, GCM_NONCE), { authTagLength: GCM_TAG });
      decipher.setAAD(context);
      decipher.setAuthTag(data.subarray(data.length - GCM_TAG));
      try {
        return concat(decipher.update(data.subarray(GCM_NONCE, data.length - GCM_TAG)), decipher.final());
      } catch (cause) {
        throw new Error('cipher: message authentication failed', { cause });
      }
    },
    write(data, context) {
      const nonce = randomBytes(GCM_NONCE);
      const cipher = createCipheriv(name, key, nonce, { authTagLength: GCM_TAG });
      cipher.setAAD(context);
      return concat(nonce, cipher.update(data), cipher.final(), cipher.getAuthTag());
    },
    isCurrent,
  };
}

/** `initialization vector | ciphertext with PKCS #7 padding`; tampering is not noticed. */
export function createCbc(key: Uint8Array): Transformer {
  const name = `aes-${key.length * 8}-cbc`;
  return {
    read(data) {
      if (data.length < CBC_BLOCK) throw tooShort();
      if (data.length % CBC_BLOCK !== 0) throw new Error('the stored data is not a multiple of the block size');
      const decipher = createDecipheriv(name, key, data.subarray(0, CBC_BLOCK));
      try {
        return concat(decipher.update(data.subarray(CBC_BLOCK)), decipher.final());
      } catch (cause) {
        throw new Error('invalid padding on input', { cause });
      }
    },
    write(data) {
      const vector = randomBytes(CBC_BLOCK);
      const cipher = createCipheriv(name, key, vector);
      return concat(vector, cipher.update(data), cipher.final());
    },
    isCurrent,
  };
}

/** `nonce | tag and ciphertext`. */
export function createSecretbox(key: Uint8Array): Transformer {
  return {
    read(data) {
      if (data.length < SECRETBOX_NONCE + SECRETBOX_TAG) throw tooShort();
      try {
        return xsalsa20poly1305(key, data.subarray(0, SECRETBOX_NONCE)).decrypt(data.subarray(SECRETBOX_NONCE));
      } catch (cause) {
        throw new Error('secretbox: message authentication failed', { cause });
      }
    },
    write(data) {
      const nonce = randomBytes(SECRETBOX_NONCE);
      return concat(nonce, xsalsa20poly1305(key, nonce).encrypt(data));
    },
    isCurrent,
  };
}

/** `info | AES-GCM under a key that HKDF-Expand makes of seed and info`: a key of its own for every value. */
export function createExtendedNonceGcm(seed: Uint8Array): Transformer {
  if (seed.length < INFO_BYTES) throw new Error(`invalid seed length ${seed.length} used for key generation`);
  // The first block of HKDF-Expand (RFC 5869) with SHA-256 is all of a key of 32 bytes.
  const derive = (info: Uint8Array) =>
    createGcm(createHmac('sha256', seed).update(info).update(Uint8Array.of(1)).digest());
  return {
    read(data, context) {
      if (data.length < INFO_BYTES) throw tooShort();
      return derive(data.subarray(0, INFO_BYTES)).read(data.subarray(INFO_BYTES), context);
    },
    write(data, context) {
      const info = randomBytes(INFO_BYTES);
      return concat(info, derive(info).write(data, context));
    },
    isCurrent,
  };
}
