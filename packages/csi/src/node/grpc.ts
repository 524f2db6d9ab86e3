/** gRPC over a unix socket, with the definitions beside this file. */
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Ctx } from '@kapella/base';
import { CsiError, csiCodeOf } from '../csi-error.ts';

/** A protobuf message as proto-loader gives it: camelCase, 64-bit numbers as decimal text, enums by name. */
// biome-ignore lint/suspicious/noExplicitAny: wire data, shaped by the proto file
export type Wire = any;

const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

export interface UnaryClient {
  /** Rejects with CsiError after `deadlineMs`, or when `ctx` aborts (code Canceled). */
  call(method: string, request: object, deadlineMs: number, ctx: Ctx): Promise<Wire>;
  close(): void;
}

/** Of the files beside this one. */
export function loadProto(file: string): Wire {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const options = { keepCase: false, longs: String, enums: String, bytes: Buffer, defaults: true, oneofs: true };
  return grpc.loadPackageDefinition(loadSync(path, options));
}

/** Connects lazily. `socket`: an absolute path. */
export function createUnaryClient(Service: Wire, socket: string): UnaryClient {
  const client = new Service(`unix://${socket}`, grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.min_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
  });
  return {
    call: (method, request, deadlineMs, ctx) =>
      new Promise((resolve, reject) => {
        if (ctx.signal.aborted) {
          reject(new CsiError('Canceled', 'the caller gave up'));
          return;
        }
        const options: grpc.CallOptions = { deadline: Date.now() + deadlineMs };
        const call = client[method](request, new grpc.Metadata(), options, (error: unknown, response: Wire) => {
          ctx.signal.removeEventListener('abort', onAbort);
          if (error) reject(toCsiError(error));
          else resolve(response);
        });
        const onAbort = () => call.cancel();
        ctx.signal.addEventListener('abort', onAbort, { once: true });
      }),
    close: () => client.close(),
  };
}

function toCsiError(error: unknown): CsiError {
  const { code, details, message } = error as { code?: number; details?: string; message?: string };
  return new CsiError(csiCodeOf(code), details || message || String(error));
}
