/** Small requests to the API server of a cluster as its administrator: without a client library, for a quick start. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import type { ClusterOptions } from '@kapella/cli';
import { apiServerUrl } from '../record.ts';

const ANSWER_MS_MAX = 5_000;

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

export interface AdminApi {
  /** Rejects when no answer comes; keys are read anew until there are some. */
  get(path: string): Promise<ApiAnswer>;
  close(): void;
}

export function createAdminApi(options: ClusterOptions): AdminApi {
  const url = apiServerUrl(options);
  let agent: Agent | undefined;
  return {
    async get(path) {
      agent ??= await openAgent(options.dataDir);
      return get(`${url}${path}`, agent);
    },
    close: () => agent?.destroy(),
  };
}

async function openAgent(dataDir: string): Promise<Agent> {
  const read = (name: string) => readFile(join(dataDir, 'pki', name));
  const [ca, cert, key] = await Promise.all([read('ca.crt'), read('admin.crt'), read('admin.key')]);
  return new Agent({ keepAlive: true, maxSockets: 2, ca, cert, key });
}

function get(url: string, agent: Agent): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { agent, headers: { accept: 'application/json' }, timeout: ANSWER_MS_MAX },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** The decoded body of a 200; throws with the server's words otherwise. */
export async function getJson<T>(api: AdminApi, path: string): Promise<T> {
  const { status, text } = await api.get(path);
  if (status === 200) return JSON.parse(text) as T;
  throw new Error(`${path}: ${status} ${text.slice(0, 200)}`);
}
