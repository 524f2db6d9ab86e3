/** A KMS v2 plugin behind its unix socket. Source: k8s.io/kms/apis/v2. */
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { KmsConfiguration } from '../configuration.ts';

export interface KmsStatus {
  readonly version: string;
  readonly healthz: string;
  readonly keyId: string;
}

export interface KmsEncrypted {
  readonly ciphertext: Uint8Array;
  readonly keyId: string;
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

/** Calls reject with Error. */
export interface KmsService {
  status(): Promise<KmsStatus>;
  encrypt(plaintext: Uint8Array, uid: string): Promise<KmsEncrypted>;
  decrypt(encrypted: KmsEncrypted, uid: string): Promise<Uint8Array>;
  close(): void;
}

// biome-ignore lint/suspicious/noExplicitAny: the client is shaped by the proto file
type Client = any;

export function createKmsService({ endpoint, timeoutMs }: KmsConfiguration): KmsService {
  const path = fileURLToPath(new URL('kms.proto', import.meta.url));
  const loaded = grpc.loadPackageDefinition(loadSync(path, { bytes: Buffer, defaults: true }));
  const { KeyManagementService: Service } = loaded['v2'] as unknown as Record<
    string,
    new (
      ...args: unknown[]
    ) => Client
  >;
  if (Service === undefined) throw new Error('kms.proto holds no KeyManagementService');
  const client: Client = new Service(endpoint.replace(/^unix:\/\/(?=\/)/, 'unix:'), grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2_000,
  });
  const call = <R>(method: string, request: object) =>
    new Promise<R>((resolve, reject) => {
      client[method](request, { deadline: Date.now() + timeoutMs }, (error: unknown, answer: R) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
  return {
    status: () => call('status', {}),
    encrypt: (plaintext, uid) => call('encrypt', { plaintext, uid }),
    decrypt: async ({ ciphertext, keyId, annotations }, uid) =>
      (await call<{ plaintext: Uint8Array }>('decrypt', { ciphertext, uid, keyId, annotations })).plaintext,
    close: () => client.close(),
  };
}
