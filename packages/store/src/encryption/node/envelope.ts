/** The stored form of a value under KMS v2. Source: apiserver/pkg/storage/value/encrypt/envelope/kmsv2 (EncryptedObject). */
import protobuf from 'protobufjs/light.js';

/** How `encryptedDEKSource` becomes the key of a value. */
export const SOURCE_TYPE = { aesGcmKey: 0, hkdfSeed: 1 } as const;
const KEY_ID_BYTES_MAX = 1024;
const SOURCE_BYTES_MAX = 1024;
const ANNOTATIONS_BYTES_MAX = 32 * 1024;
/** A fully qualified domain name: DNS labels, at least two. */
const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/;

export interface DekSource {
  readonly keyID: string;
  readonly encryptedDEKSource: Uint8Array;
  readonly annotations: Readonly<Record<string, Uint8Array>>;
  readonly encryptedDEKSourceType: number;
}

export interface EncryptedObject extends DekSource {
  readonly encryptedData: Uint8Array;
}

const message = protobuf.Root.fromJSON({
  nested: {
    EncryptedObject: {
      fields: {
        encryptedData: { type: 'bytes', id: 1 },
        keyID: { type: 'string', id: 2 },
        encryptedDEKSource: { type: 'bytes', id: 3 },
        annotations: { keyType: 'string', type: 'bytes', id: 4 } as protobuf.IMapField,
        encryptedDEKSourceType: { type: 'uint32', id: 5 },
      },
    },
  },
}).lookupType('EncryptedObject');

export function encodeEnvelope(object: EncryptedObject): Uint8Array {
  return message.encode(message.create(object as unknown as Record<string, unknown>)).finish();
}

/** Throws Error for what is none. */
export function decodeEnvelope(data: Uint8Array): EncryptedObject {
  const object = message.toObject(message.decode(data), { defaults: true }) as EncryptedObject;
  checkDekSource(object);
  if (object.encryptedData.length === 0) throw new Error('encrypted data is empty');
  return object;
}

export function checkDekSource({ keyID, encryptedDEKSource, annotations, encryptedDEKSourceType }: DekSource): void {
  if (encryptedDEKSourceType !== SOURCE_TYPE.aesGcmKey && encryptedDEKSourceType !== SOURCE_TYPE.hkdfSeed) {
    throw new Error(`unknown encryptedDEKSourceType: ${encryptedDEKSourceType}`);
  }
  const { length } = encryptedDEKSource;
  if (length === 0) throw new Error('failed to validate encrypted DEK source: encrypted DEK source is empty');
  if (length > SOURCE_BYTES_MAX) {
    throw new Error(`encrypted DEK source is ${length} bytes, which exceeds the max size of ${SOURCE_BYTES_MAX}`);
  }
  checkKeyId(keyID);
  let total = 0;
  for (const [name, value] of Object.entries(annotations)) {
    if (!DOMAIN.test(name))
      throw new Error(`annotations: ${JSON.stringify(name)} should be a domain with at least two segments`);
    total += name.length + value.length;
  }
  if (total > ANNOTATIONS_BYTES_MAX) {
    throw new Error(`total size of annotations is ${total}, which exceeds the max size of ${ANNOTATIONS_BYTES_MAX}`);
  }
}

export function checkKeyId(keyId: string): void {
  const length = Buffer.byteLength(keyId);
  if (length === 0) throw new Error('keyID is empty');
  if (length > KEY_ID_BYTES_MAX)
    throw new Error(`keyID is ${length} bytes, which exceeds the max size of ${KEY_ID_BYTES_MAX}`);
}

/** Equal for equal sources: the name under which a decrypted key is kept. */
export function sourceId({ keyID, encryptedDEKSource, annotations, encryptedDEKSourceType }: DekSource): string {
  const rows = Object.keys(annotations)
    .sort()
    .map((name) => [name, Buffer.from(annotations[name] as Uint8Array).toString('base64')]);
  return JSON.stringify([encryptedDEKSourceType, Buffer.from(encryptedDEKSource).toString('base64'), keyID, rows]);
}
