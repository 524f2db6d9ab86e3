/** Asks extenders over HTTP or HTTPS, on connections that are kept. Source: kubernetes pkg/scheduler/extender.go. */
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Ctx } from '@kapella/base';
import type { ExtenderConfig, ExtenderTransport } from '../extender/types.ts';

const TIMEOUT_MS = 5_000;
/** Nodes of a large cluster are tens of MB. */
const BYTES_MAX = 256 * 1024 * 1024;

export function createExtenderTransport(): ExtenderTransport {
  const agents = new Map<ExtenderConfig, HttpsAgent>();
  const plain = new HttpAgent({ keepAlive: true });
  return (url, body, config, ctx) => {
    const isHttps = config.enableHTTPS === true || url.startsWith('https:');
    const target = new URL(url.includes('://') ? url : `${isHttps ? 'https' : 'http'}://${url}`);
    let agent = agents.get(config);
    if (isHttps && agent === undefined) {
      agent = new HttpsAgent({ keepAlive: true, ...tlsOf(config) });
      agents.set(config, agent);
    }
    return post(target, JSON.stringify(body), agent ?? plain, timeoutMsOf(config), ctx);
  };
}

function tlsOf({ tlsConfig = {} }: ExtenderConfig): object {
  const read = (file: string | undefined, data: string | undefined) =>
    data !== undefined && data !== ''
      ? Buffer.from(data, 'base64')
      : file !== undefined && file !== ''
        ? readFileSync(file)
        : undefined;
  const { insecure, serverName, certFile, certData, keyFile, keyData, caFile, caData } = tlsConfig;
  return {
    rejectUnauthorized: insecure !== true,
    ...(serverName ? { servername: serverName } : {}),
    ...{ cert: read(certFile, certData), key: read(keyFile, keyData), ca: read(caFile, caData) },
  };
}

function post(
  url: URL,
  body: string,
  agent: HttpAgent | HttpsAgent,
  timeoutMs: number,
  { signal }: Ctx,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = send(url, { method: 'POST', agent, headers, signal, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > BYTES_MAX)
          request.destroy(new Error(`extender at ${url.host} answers more than ${BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) {
          reject(new Error(`failed ${url.pathname} with extender at URL ${url.origin}, code ${response.statusCode}`));
          return;
        }
        try {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve(text.trim() === '' ? undefined : JSON.parse(text));
        } catch (cause) {
          reject(new Error(`extender at ${url.host} does not answer JSON`, { cause }));
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`extender at ${url.host}: no answer in ${timeoutMs} ms`)));
    request.on('error', reject);
    request.end(body);
  });
}

/** Go durations: `5s`, `1m30s`, `500ms`. */
function timeoutMsOf({ httpTimeout }: ExtenderConfig): number {
  if (httpTimeout === undefined) return TIMEOUT_MS;
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, ns: 0.000001 };
  let totalMs = 0;
  for (const [, count = '0', unit = 's'] of httpTimeout.matchAll(/(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)/g)) {
    totalMs += Number(count) * (units[unit] ?? 0);
  }
  return totalMs > 0 ? totalMs : TIMEOUT_MS;
}
