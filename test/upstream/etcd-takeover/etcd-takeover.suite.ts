/**
 * A cluster that upstream's kube-apiserver kept in etcd, served by Kapella from then on: every object that upstream listed
 * is listed by Kapella, the same to the last field, and can be changed.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCredentials } from '../../../bench/api-server/peers.ts';
import { preparePrograms } from '../../../bench/api-server/programs.ts';
import { type Case, runCases } from '../support/cases.ts';
import { freePort } from '../support/control-plane.ts';
import { type BackgroundProcess, startProcess } from '../support/processes.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { ask, type Kubernetes } from './ask.ts';
import { OBJECTS } from './objects.ts';

const READY_MS_MAX = 120_000;
const POLL_MS = 200;

interface Context {
  /** Lists by path, as upstream answered them. */
  readonly before: ReadonlyMap<string, List>;
  readonly kapella: Kubernetes;
}

interface Item {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion: string };
}

interface List {
  readonly items: readonly Item[];
}

const CASES: readonly Case<Context>[] = [
  {
    name: 'every list of upstream is the same',
    async run({ before, kapella }) {
      const different: string[] = [];
      for (const [path, list] of before) {
        const { status, json } = await ask(kapella, 'GET', path);
        if (status !== 200) different.push(`GET ${path}: ${status} ${JSON.stringify(json)}`);
        const now = (json ?? {}) as Partial<List>;
        for (const item of list.items) {
          const { name, namespace = '' } = item.metadata;
          const own = now.items?.find(({ metadata: m }) => m.name === name && (m.namespace ?? '') === namespace);
          if (own !== undefined && own.metadata.resourceVersion !== item.metadata.resourceVersion) continue; // kept in order at start
          const [ours, theirs] = [sorted(own), sorted(item)];
          if (ours !== theirs) different.push(`${path} ${namespace}/${name}: ours ${ours}, upstream's ${theirs}`);
        }
      }
      if (different.length > 0) throw new Error(different.slice(0, 5).join('\n'));
    },
  },
  {
    name: 'an object is changed, watched and removed',
    async run({ kapella }) {
      const path = '/api/v1/namespaces/default/configmaps/made';
      const patched = await ask(kapella, 'PATCH', path, { data: { by: 'kapella' } });
      expect(patched.status, 200);
      expect((await ask(kapella, 'DELETE', path)).status, 200);
      expect((await ask(kapella, 'GET', path)).status, 404);
    },
  },
  {
    name: 'a custom resource of a definition that upstream stored is served',
    async run({ kapella }) {
      const path = '/apis/example.com/v1/namespaces/default/things';
      const list = (await ask(kapella, 'GET', path)).json as List;
      expect(list.items.length, 1);
      expect(
        (await ask(kapella, 'POST', path, { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'b' } }))
          .status,
        201,
      );
    },
  },
];

/** The order of keys is not told apart, nor what Go writes for nothing. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(
          Object.entries(inner)
            .filter(([, part]) => part !== null && part !== '' && !(Array.isArray(part) && part.length === 0))
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : inner,
  );
}

function expect(actual: unknown, wanted: unknown): void {
  if (actual !== wanted) throw new Error(`${String(actual)} instead of ${String(wanted)}`);
}

/** `only`: a regular expression on the cases' names. */
export const etcdTakeover: UpstreamSuite = {
  name: 'etcd-takeover',
  text: "Kapella on an etcd that upstream's kube-apiserver wrote: protobuf values, the same keys",
  async run({ only }) {
    const { upstream, kapella } = await preparePrograms();
    const directory = mkdtempSync(join(tmpdir(), 'kapella-takeover-'));
    await writeCredentials(directory);
    const [client, peer] = [await freePort(), await freePort()];
    const processes: BackgroundProcess[] = [];
    try {
      processes.push(startEtcd(directory, upstream.etcd ?? '', client, peer));
      const first = await startServer(directory, 'upstream', upstream.kubeApiServer, client);
      const before = await fill(first.api);
      await first.process[Symbol.asyncDispose]();
      const second = await startServer(directory, 'kapella', kapella.kubeApiServer, client);
      processes.push(second.process);
      return await runCases(CASES, { before, kapella: second.api }, only);
    } finally {
      for (const process of processes.toReversed()) await process[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function startEtcd(directory: string, program: string, client: number, peer: number): BackgroundProcess {
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const args = [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
  ];
  return startProcess(directory, { name: 'etcd', program, args });
}

async function startServer(directory: string, name: string, program: string, etcd: number) {
  const port = await freePort();
  const file = (part: string) => join(directory, part);
  const args = [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    `--cert-dir=${file(`${name}-certs`)}`,
    `--tls-cert-file=${file('tls.crt')}`,
    `--tls-private-key-file=${file('tls.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    '--authorization-mode=RBAC',
    `--token-auth-file=${file('tokens.csv')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--disable-admission-plugins=ServiceAccount',
  ];
  const process = startProcess(directory, { name, program, args });
  const api: Kubernetes = { url: `https://127.0.0.1:${port}`, ca: readFileSync(file('tls.crt')), token: 'bench-token' };
  const deadline = performance.now() + READY_MS_MAX;
  for (;;) {
    await process.check();
    const status = await ask(api, 'GET', '/readyz').then(
      ({ status: code }) => code,
      () => 0,
    );
    if (status === 200) return { process, api };
    if (performance.now() > deadline) throw new Error(`${name} is not ready: ${process.log()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Makes the objects, and answers with what upstream lists of all that can be listed. */
async function fill(api: Kubernetes): Promise<ReadonlyMap<string, List>> {
  for (const { path, object } of OBJECTS) {
    const deadline = performance.now() + READY_MS_MAX;
    for (;;) {
      const { status, json } = await ask(api, 'POST', path, object);
      if (status === 201) break;
      // A new definition is served a little later.
      if (status !== 404 || performance.now() > deadline) throw new Error(`POST ${path}: ${JSON.stringify(json)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  const lists = new Map<string, List>();
  const groups = (await ask(api, 'GET', '/apis')).json as {
    readonly groups: readonly { versions: { groupVersion: string }[] }[];
  };
  const roots = [
    '/api/v1',
    ...groups.groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`)),
  ];
  for (const root of roots) {
    const { resources } = (await ask(api, 'GET', root)).json as {
      readonly resources: readonly { name: string; verbs: string[] }[];
    };
    for (const { name, verbs } of resources) {
      // Reviews and what is computed have no watch; the server's own lease goes with the server.
      if (!verbs.includes('watch') || name === 'leases') continue;
      const { status, json } = await ask(api, 'GET', `${root}/${name}`);
      if (status !== 200) throw new Error(`GET ${root}/${name}: ${status} ${JSON.stringify(json)}`);
      lists.set(`${root}/${name}`, json as List);
    }
  }
  return lists;
}
