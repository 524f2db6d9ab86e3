/** Where a webhook's clientConfig leads, and one JSON call to it. Source: apiserver/pkg/util/webhook and util/proxy. */
import { coreV1 } from '@kapella/api';
import { type Ctx, parseExactJson, stringifyExactJson } from '@kapella/base';
import type { ServerAccess } from '../resource.ts';
import type { HttpCaller, OutboundRequest } from './http-caller.ts';

const RESPONSE_BYTES_MAX = 3 * 1024 * 1024;
const HTTPS_PORT = 443;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** As admissionregistration, apiextensions and apiregistration have it. */
export interface WebhookClientConfig {
  readonly url?: string | undefined;
  readonly service?:
    | { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number }
    | undefined;
  /** Base64 of PEM. */
  readonly caBundle?: string | undefined;
}

type Target = Pick<OutboundRequest, 'url' | 'connectTo' | 'tls'>;

/** Rejects when the service does not exist or has no address. */
export async function targetOf(config: WebhookClientConfig, server: ServerAccess): Promise<Target> {
  const { url, service, caBundle } = config;
  const tls = caBundle === undefined || caBundle === '' ? {} : { ca: atobText(caBundle) };
  if (service === undefined) return { url: url ?? '', tls };
  const { namespace, name, path = '', port = HTTPS_PORT } = service;
  const host = `${name}.${namespace}.svc`;
  const connectTo = await addressOfService(namespace, name, port, server);
  const slash = path.startsWith('/') ? '' : '/';
  return { url: `https://${host}:${port}${slash}${path}`, connectTo, tls: { ...tls, serverName: host } };
}

/** The ClusterIP, as upstream reaches services by default. */
async function addressOfService(namespace: string, name: string, port: number, server: ServerAccess) {
  const found = await server.get(coreV1.Service, namespace, name);
  if (found === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  const { clusterIP, type, externalName, ports = [] } = found.spec ?? {};
  if (type === 'ExternalName') return { host: externalName ?? '', port };
  if (clusterIP === undefined || clusterIP === '' || clusterIP === 'None') {
    throw new Error(`cannot route to service with ClusterIP ${JSON.stringify(clusterIP ?? '')}`);
  }
  if (!ports.some((known) => known.port === port))
    throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return { host: clusterIP, port };
}

function atobText(base64: string): string {
  return decoder.decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}

export interface JsonCall {
  readonly config: WebhookClientConfig;
  readonly body: object;
  readonly timeoutMs: number;
  /** Default: the webhook is told how long it has. */
  readonly tellsTimeout?: boolean;
}

/** POSTs JSON and reads JSON. Rejects in upstream's words: `failed to call webhook: Post "URL": why`. */
export async function callWebhook(
  caller: HttpCaller,
  server: ServerAccess,
  call: JsonCall,
  ctx: Ctx,
): Promise<unknown> {
  const target = await targetOf(call.config, server);
  const clean = withCleanPath(target.url);
  const url = call.tellsTimeout === false ? clean : withTimeout(clean, call.timeoutMs);
  const request: OutboundRequest = {
    ...target,
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: encoder.encode(stringifyExactJson(call.body)),
    timeoutMs: call.timeoutMs,
    bytesMax: RESPONSE_BYTES_MAX,
  };
  const answer = await caller(request, ctx).catch((error: Error) => {
    throw new Error(`Post ${JSON.stringify(url)}: ${error.message}`, { cause: error });
  });
  if (answer.status < 200 || answer.status > 299) {
    const known = REFUSALS.get(answer.status);
    if (known !== undefined) throw new Error(known);
    const text = decoder.decode(answer.body.subarray(0, 1024)).trim();
    throw new Error(
      text === ''
        ? `the server responded with the status code ${answer.status} but did not return more information`
        : `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`,
    );
  }
  return parseExactJson(decoder.decode(answer.body));
}

/** What client-go makes of these codes. Source: apimachinery/pkg/api/errors NewGenericServerResponse. */
const REFUSALS: ReadonlyMap<number, string> = new Map([
  [400, 'the server rejected our request for an unknown reason'],
  [404, 'the server could not find the requested resource'],
  [405, 'the server does not allow this method on the requested resource'],
  [422, 'the server rejected our request due to an error in our request'],
]);

/** As client-go joins paths: no empty or dot segments, no slash at the end. Servers redirect what is not clean. */
function withCleanPath(url: string): string {
  const [, origin = '', path = '', rest = ''] = /^([a-z]+:\/\/[^/?#]*)([^?#]*)(.*)$/.exec(url) ?? [undefined, url];
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `${origin}/${segments.join('/')}${rest}`;
}

/** Webhooks are told how long they have. */
function withTimeout(url: string, timeoutMs: number): string {
  const mark = url.includes('?') ? '&' : '?';
  return `${url}${mark}timeout=${timeoutMs / 1000}s`;
}
