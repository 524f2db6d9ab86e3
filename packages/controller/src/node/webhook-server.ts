/** Serves webhooks over HTTPS, each under `/<name>`, for a real cluster. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Ctx, describeError } from '@kapella/base';
import type { Webhook } from '../webhooks/webhook.ts';

const BYTES_MAX = 3 * 1024 * 1024;

export interface WebhookServerOptions {
  readonly webhooks: readonly Webhook[];
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM, for the name under which the API server calls. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** Resolves when it listens; it ends with `ctx`. Rejects with the error of `listen`. */
export async function serveWebhooks(options: WebhookServerOptions, ctx: Ctx): Promise<{ readonly port: number }> {
  const byPath = new Map(options.webhooks.map((webhook) => [`/${webhook.name}`, webhook]));
  const server = createServer({ cert: options.certificate, key: options.privateKey }, (request, response) => {
    answer(byPath.get((request.url ?? '').split('?')[0] ?? ''), request, response, ctx).catch((error: unknown) => {
      ctx.log.warn('webhook failed', { path: request.url, error: describeError(error) });
      response.writeHead(500).end();
    });
  });
  ctx.signal.addEventListener('abort', () => server.close(), { once: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '0.0.0.0', resolve);
  });
  return { port: (server.address() as AddressInfo).port };
}

async function answer(webhook: Webhook | undefined, request: IncomingMessage, response: ServerResponse, ctx: Ctx) {
  if (webhook === undefined || request.method !== 'POST') {
    response.writeHead(404).end();
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BYTES_MAX) throw new Error(`the review is longer than ${BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const body = await webhook.serve(Buffer.concat(chunks), ctx);
  response.writeHead(200, { 'content-type': 'application/json' }).end(body);
}
