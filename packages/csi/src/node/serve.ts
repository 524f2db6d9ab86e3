/** A CSI driver's server: handlers by method over a unix socket. */
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { describeError } from '@kapella/base';
import { CSI_CODES, CsiError } from '../csi-error.ts';
import { loadProto, type Wire } from './grpc.ts';

/** Takes the request, answers the response; a CsiError goes to the caller as it is, all else as Internal. */
export type CsiHandler = (request: Wire) => Promise<object> | object;

/** By service (`Identity`, `Controller`, `Node`, `GroupController`) and method in camelCase; others are Unimplemented. */
export type CsiHandlers = Readonly<Record<string, Readonly<Record<string, CsiHandler>>>>;

/** Callers that keep an idle connection open are not waited for any longer. */
const CLOSE_MS = 2_000;

export interface CsiServer {
  /** Waits a little for calls under way. */
  close(): Promise<void>;
}

/** Listens on `socket` (an absolute path); what was there is replaced. */
export async function serveCsi(socket: string, handlers: CsiHandlers, definition?: Wire): Promise<CsiServer> {
  const api = definition ?? loadProto('./csi.proto').csi.v1;
  const server = new grpc.Server();
  for (const [service, methods] of Object.entries(handlers)) {
    const wrapped = Object.entries(methods).map(([name, handler]) => [name, unary(handler)] as const);
    server.addService(api[service].service, Object.fromEntries(wrapped));
  }
  await mkdir(dirname(socket), { recursive: true });
  await rm(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return {
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, CLOSE_MS);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

function unary(handler: CsiHandler): grpc.handleUnaryCall<Wire, object> {
  return (call, callback) => {
    // Also what is thrown at once.
    Promise.resolve(call.request)
      .then(handler)
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(toStatus(error), null),
      );
  };
}

function toStatus(error: unknown): { readonly code: number; readonly details: string } {
  if (error instanceof CsiError) return { code: CSI_CODES[error.code], details: error.description };
  return { code: CSI_CODES.Internal, details: describeError(error) };
}
