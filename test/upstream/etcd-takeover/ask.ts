/** JSON requests to an API server with a token. */
import { request } from 'node:https';

export interface Kubernetes {
  readonly url: string;
  readonly ca: Buffer;
  readonly token: string;
}

export interface JsonAnswer {
  readonly status: number;
  /** undefined where the answer is no JSON. */
  readonly json: unknown;
}

/** Rejects when no answer comes. */
export function ask(api: Kubernetes, method: string, path: string, body?: object): Promise<JsonAnswer> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const headers = { authorization: `Bearer ${api.token}`, 'content-type': type };
  return new Promise((resolve, reject) => {
    const outgoing = request(`${api.url}${path}`, { method, ca: api.ca, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, json: parsed(Buffer.concat(chunks).toString()) }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
