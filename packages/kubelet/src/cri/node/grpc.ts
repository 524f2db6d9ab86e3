/** gRPC over a unix socket with protobuf definitions read from the files beside this one. */
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { Ctx } from '@kapella/base';
import { CriError, type CriErrorCode } from '../cri.ts';

/** A protobuf message as proto-loader gives it. */
// biome-ignore lint/suspicious/noExplicitAny: wire data, shaped by the proto file
export type Wire = any;

const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

const CODES: Readonly<Record<number, readonly [CriErrorCode, string]>> = {
  1: ['cancelled', 'Canceled'],
  2: ['unknown', 'Unknown'],
  3: ['unknown', 'InvalidArgument'],
  4: ['deadlineExceeded', 'DeadlineExceeded'],
  5: ['notFound', 'NotFound'],
  6: ['alreadyExists', 'AlreadyExists'],
  7: ['unknown', 'PermissionDenied'],
  8: ['unknown', 'ResourceExhausted'],
  9: ['unknown', 'FailedPrecondition'],
  12: ['unimplemented', 'Unimplemented'],
  13: ['unknown', 'Internal'],
  14: ['unavailable', 'Unavailable'],
  16: ['unknown', 'Unauthenticated'],
};

export function toCriError(error: unknown): CriError {
  const { code, details, message } = error as { code?: number; details?: string; message?: string };
  const [name, grpcName] = CODES[code ?? 2] ?? ['unknown', 'Unknown'];
  // Without the cause: it says the same in other words, and messages of chains are shown to users.
  return new CriError(name, grpcName, details ?? message ?? String(error));
}

export interface GrpcService {
  /** `deadlineMs` 0 = none. Rejects with CriError. */
  unary(method: string, request: object, deadlineMs: number, ctx: Ctx): Promise<Wire>;
  /** Calls `onData` for each message; resolves when the server ends the stream or `ctx` aborts. Rejects with CriError. */
  serverStream(method: string, request: object, metadata: object, onData: (m: Wire) => void, ctx: Ctx): Promise<void>;
  close(): void;
}

/** `base`: URL of the module beside which the file lies. */
export function loadProto(file: string, base: string = import.meta.url): grpc.GrpcObject {
  const path = fileURLToPath(new URL(file, base));
  const definition: PackageDefinition = loadSync(path, {
    keepCase: false,
    longs: String,
    enums: String,
    bytes: Buffer,
    defaults: true,
  });
  return grpc.loadPackageDefinition(definition);
}

/** `socket`: an absolute path. */
export function createGrpcService(Service: Wire, socket: string): GrpcService {
  const client = new Service(`unix://${socket}`, grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.min_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2000,
  });
  return {
    unary: (method, request, deadlineMs, ctx) =>
      new Promise((resolve, reject) => {
        if (ctx.signal.aborted) {
          reject(new CriError('cancelled', 'Canceled', 'the caller gave up', ctx.signal.reason));
          return;
        }
        const options: grpc.CallOptions = deadlineMs === 0 ? {} : { deadline: Date.now() + deadlineMs };
        const call = client[method](request, new grpc.Metadata(), options, (error: unknown, response: Wire) => {
          ctx.signal.removeEventListener('abort', onAbort);
          if (error) reject(toCriError(error));
          else resolve(response);
        });
        const onAbort = () => call.cancel();
        ctx.signal.addEventListener('abort', onAbort, { once: true });
      }),
    serverStream: (method, request, metadata, onData, ctx) =>
      new Promise((resolve, reject) => {
        const headers = new grpc.Metadata();
        for (const [key, value] of Object.entries(metadata)) headers.set(key, value as string);
        const call = client[method](request, headers);
        const onAbort = () => call.cancel();
        ctx.signal.addEventListener('abort', onAbort, { once: true });
        const done = () => ctx.signal.removeEventListener('abort', onAbort);
        call.on('data', onData);
        call.on('error', (error: unknown) => {
          done();
          if (ctx.signal.aborted) resolve();
          else reject(toCriError(error));
        });
        call.on('end', () => {
          done();
          resolve();
        });
      }),
    close: () => client.close(),
  };
}
