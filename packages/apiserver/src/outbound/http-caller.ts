/** HTTPS requests that the server itself sends: webhooks, OpenID providers, extension servers. Its driver is in node/. */
import type { Ctx } from '@kapella/base';

export interface OutboundTls {
  /** PEM of the CAs that are trusted; undefined: the host's. */
  readonly ca?: string;
  /** Of this server, where the other side wants to know. PEM. */
  readonly certificate?: string;
  readonly privateKey?: string;
  /** The name that the certificate must carry, where it is not the URL's host. */
  readonly serverName?: string;
  readonly insecure?: boolean;
}

export interface OutboundRequest {
  readonly method: string;
  /** `https://host:port/path?query`. */
  readonly url: string;
  /** Address to connect to instead of resolving the URL's host. */
  readonly connectTo?: { readonly host: string; readonly port: number };
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly timeoutMs: number;
  /** More is an error, not cut. */
  readonly bytesMax: number;
  readonly tls: OutboundTls;
}

export interface OutboundResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Rejects with an Error that says what went wrong, without the request's body or headers; `context deadline exceeded` in time-outs. */
export type HttpCaller = (request: OutboundRequest, ctx: Ctx) => Promise<OutboundResponse>;
