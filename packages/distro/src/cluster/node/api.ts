/** Small requests to the API server of a cluster as its administrator: without a client library, for a quick start. */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import type { ClusterOptions } from '@kapella/cli';
import { getText, type TextAnswer } from '../../host/node/get-text.ts';
import { apiServerUrl } from '../record.ts';

const ANSWER_MS_MAX = 5_000;

export interface AdminApi {
  /** Rejects when no answer comes; keys are read anew until there are some. */
  get(path: string): Promise<TextAnswer>;
  close(): void;
}

export function createAdminApi(options: ClusterOptions): AdminApi {
  const url = apiServerUrl(options);
  let agent: Agent | undefined;
  return {
    async get(path) {
      agent ??= await openAgent(options.dataDir);
      return getText(`${url}${path}`, ANSWER_MS_MAX, { agent, headers: { accept: 'application/json' } });
    },
    close: () => agent?.destroy(),
  };
}

async function openAgent(dataDir: string): Promise<Agent> {
  const read = (name: string) => readFile(join(dataDir, 'pki', name));
  const [ca, cert, key] = await Promise.all([read('ca.crt'), read('admin.crt'), read('admin.key')]);
  return new Agent({ keepAlive: true, maxSockets: 2, ca, cert, key });
}

/** The decoded body of a 200; throws with the server's words otherwise. */
export async function getJson<T>(api: AdminApi, path: string): Promise<T> {
  const { status, text } = await api.get(path);
  if (status === 200) return JSON.parse(text) as T;
  throw new Error(`${path}: ${status} ${text.slice(0, 200)}`);
}
