/** HttpCaller over node:https, with connections kept for each set of TLS options; `http:` without them, where a file says so. */
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent, type RequestOptions, request as httpsRequest } from 'node:https';
import type { Ctx } from '@kapella/base';
import type { HttpCaller, OutboundRequest, OutboundResponse, OutboundTls } from '../outbound/http-caller.ts';

const SOCKETS_MAX = 64;
/** Certificates change: agents of old ones go when there are too many. */
const AGENTS_MAX = 256;

export function createHttpCaller(): HttpCaller {
  const agents = new Map<string, Agent>();
  return (request, ctx) => call(request, agentFor(agents, request.tls), ctx);
}

function agentFor(agents: Map<string, Agent>, tls: OutboundTls): Agent {
  const { ca = '', certificate = '', serverName = '', insecure = false } = tls;
  const key = JSON.stringify([ca, certificate, serverName, insecure]);
  let agent = agents.get(key);
  if (agent === undefined) {
    if (agents.size >= AGENTS_MAX) {
      for (const old of agents.values()) old.destroy();
      agents.clear();
    }
    agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, scheduling: 'lifo' });
    agents.set(key, agent);
  }
  return agent;
}

function call(request: OutboundRequest, agent: Agent, ctx: Ctx): Promise<OutboundResponse> {
  const { tls, connectTo } = request;
  const url = new URL(request.url);
  return new Promise((resolve, reject) => {
    const isPlain = url.protocol === 'http:';
    const outgoing = (isPlain ? httpRequest : httpsRequest)(
      {
        method: request.method,
        host: connectTo?.host ?? url.hostname.replace(/^\[|\]$/g, ''),
        port: connectTo?.port ?? (url.port === '' ? (isPlain ? 80 : 443) : Number(url.port)),
        path: `${url.pathname}${url.search}`,
        headers: { ...request.headers, host: url.host, ...lengthOf(request.body) },
        signal: ctx.signal,
        ...(isPlain ? {} : { agent, ...tlsOptions(tls) }),
      },
      (incoming) => readAll(incoming, request.bytesMax).then(resolve, reject),
    );
    const timer = setTimeout(() => outgoing.destroy(new Error('context deadline exceeded')), request.timeoutMs);
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.on('error', reject);
    outgoing.end(request.body);
  });
}

/** For node:https. */
export function tlsOptions(tls: OutboundTls): RequestOptions {
  return {
    rejectUnauthorized: tls.insecure !== true,
    // As Go: whatever is given as a CA is trusted, even the server's own certificate.
    ...{ allowPartialTrustChain: true },
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate, key: tls.privateKey }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

function lengthOf(body: Uint8Array | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-length': String(body.length) };
}

function readAll(incoming: IncomingMessage, bytesMax: number): Promise<OutboundResponse> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    incoming.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > bytesMax) incoming.destroy(new Error(`the answer has more than ${bytesMax} bytes`));
      else chunks.push(chunk);
    });
    incoming.on('error', reject);
    incoming.on('end', () =>
      resolve({
        status: incoming.statusCode ?? 0,
        headers: incoming.headers as Record<string, string>,
        body: Buffer.concat(chunks),
      }),
    );
  });
}
