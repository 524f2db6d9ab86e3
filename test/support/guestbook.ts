/** examples/guestbook in a test cluster: its data in the cluster's directory instead of the machine's. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Node } from '@kapella/api/types/core-v1';
import { createApi } from './api.ts';
import { eventually, type TestCluster, writeFiles } from './cluster.ts';
import { type Session, sessionIn } from './session.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/guestbook');
const NODE_PORT = 30_080;
const WORKLOADS = ['statefulset/guestbook-db', 'deployment/guestbook-api', 'deployment/guestbook-web'];

export interface Entry {
  readonly name: string;
  readonly text: string;
}

export interface Guestbook {
  readonly session: Session;
  /** Through the NodePort, as a user's browser does. */
  readonly url: string;
  /** Waits until all workloads are ready and the front end answers. */
  answers(timeoutMs?: number): Promise<void>;
  sign(text: string): Promise<void>;
  /** Texts, newest first. */
  texts(): Promise<readonly string[]>;
  /** The same from a Pod, by the name of the Service. Needs a Pod `client` in namespace guestbook. */
  textsFromPod(): Promise<readonly string[]>;
}

/** `kapella image build-demo`, `kubectl apply -k`. Does not wait. */
export async function deployGuestbook(cluster: TestCluster): Promise<Guestbook> {
  const built = await cluster.kapella('image build-demo', { timeoutMs: 300_000 });
  if (built.code !== 0) throw new Error(`kapella image build-demo: ${built.stdout}${built.stderr}`);
  await cluster.kubectl(`apply -k ${overlay(cluster)}`);
  return guestbookOf(cluster);
}

export async function guestbookOf(cluster: TestCluster): Promise<Guestbook> {
  using api = createApi(cluster.kubeconfig);
  const { status } = await api.get<Node>(`/api/v1/nodes/${cluster.name}`);
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const url = `http://${address}:${NODE_PORT}`;
  const session = sessionIn(cluster, 'guestbook');
  const texts = async () => textsOf(await body(await request(`${url}/api/entries`), 200));
  return {
    session,
    url,
    texts,
    async answers(timeoutMs = 90_000) {
      const deadline = `--timeout=${Math.round(timeoutMs / 1000)}s`;
      for (const workload of WORKLOADS)
        await session.k(`rollout status ${workload} ${deadline}`, { timeoutMs: timeoutMs + 10_000 });
      await eventually('the guestbook answers', async () => Array.isArray(await texts()), timeoutMs);
    },
    async sign(text) {
      const init = { method: 'POST', body: JSON.stringify({ name: 'test', text }) };
      await body(await request(`${url}/api/entries`, init), 201);
    },
    textsFromPod: async () =>
      textsOf(await session.exec('client', 'wget -q -T 5 -O - http://guestbook-web/api/entries')),
  };
}

const textsOf = (json: string): readonly string[] => (JSON.parse(json) as Entry[]).map(({ text }) => text);
const request = (url: string, init: RequestInit = {}) => fetch(url, { ...init, signal: AbortSignal.timeout(8000) });

async function body(response: Response, status: number): Promise<string> {
  const text = await response.text();
  if (response.status !== status) throw new Error(`${response.url} answered ${response.status}: ${text.slice(0, 200)}`);
  return text;
}

/** A kustomization over the example; bases are named by relative paths. */
function overlay(cluster: TestCluster): string {
  // The volume that the patch means is the first one.
  if (!/volumes:\n\s+- name: data\n\s+hostPath:/.test(readFileSync(join(EXAMPLE, 'database.yaml'), 'utf8'))) {
    throw new Error('the example no longer keeps its data in the first volume');
  }
  const path = '/spec/template/spec/volumes/0/hostPath/path';
  const patch = [{ op: 'replace', path, value: join(cluster.dataDir, 'guestbook-data') }];
  const patches = [{ target: { kind: 'StatefulSet', name: 'guestbook-db' }, patch: JSON.stringify(patch) }];
  const directory = writeFiles({});
  const kustomization = { resources: [relative(directory, EXAMPLE)], patches };
  writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
  return directory;
}
