/** The API without kubectl: many quick requests, raw bodies, writers that outlive a server. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { parse } from 'yaml';

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ApiRequest {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface Api extends Disposable {
  readonly url: string;
  /** Rejects when the connection breaks; any status is an answer. */
  request(method: string, path: string, options?: ApiRequest): Promise<ApiAnswer>;
  /** Decoded answer of a GET. Throws when it is no 200. */
  get<T>(path: string): Promise<T>;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string } & Record<string, string> }[];
  readonly users: readonly { readonly user: Readonly<Record<string, string>> }[];
}

/** As the administrator of a kubeconfig with certificates. */
export function createApi(kubeconfig: string): Api {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) throw new Error(`${kubeconfig} names no cluster or no user`);
  const pem = (from: Readonly<Record<string, string>>, field: string) => {
    const data = from[`${field}-data`];
    return data === undefined ? readFileSync(from[field] ?? '', 'utf8') : Buffer.from(data, 'base64').toString();
  };
  const ca = pem(cluster, 'certificate-authority');
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 32,
    ca,
    cert: pem(user, 'client-certificate'),
    key: pem(user, 'client-key'),
  });
  const send = (method: string, path: string, options: ApiRequest = {}) =>
    sendOnce(agent, new URL(path, cluster.server), method, options);
  return {
    url: cluster.server,
    request: send,
    async get<T>(path: string) {
      const answer = await send('GET', path);
      if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
      return JSON.parse(answer.text) as T;
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function sendOnce(agent: Agent, url: URL, method: string, options: ApiRequest): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    // Node frames the body of a DELETE only when it is told the length.
    const type =
      options.body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(options.body)) };
    const outgoing = request(url, {
      agent,
      method,
      headers: { ...type, ...options.headers },
      timeout: options.timeoutMs ?? 15_000,
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${url.pathname}`)));
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (text += chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text, headers: incoming.headers }));
    });
    outgoing.end(options.body);
  });
}
