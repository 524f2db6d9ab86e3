/** What is done to each server, in the order in which it is done; each work leaves the objects that later ones need. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { h2load, load, rawObject } from './load.ts';
import type { Peer } from './peers.ts';

const TOKEN = 'bench-token';
/** Upstream's slowest work does about 1,000 a second. */
const WRITES = 4_000;
const LIST_OBJECTS = 10_000;

export interface Work {
  /** Key of the figure: `get`. */
  readonly name: string;
  readonly text: string;
  readonly unit: '/s' | 'MB/s';
  /** Times upstream's figure in the same run. */
  readonly goalMin?: number;
  /** `round` makes names unique within one server's life. */
  measure(peer: Peer, round: number): Promise<number>;
}

const configMaps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;

/** Objects that the reads are about. Once a server. */
export async function fillForReads(peer: Peer): Promise<void> {
  for (const namespace of ['bench', 'list', 'watch100', 'watch1000']) await createNamespace(peer, namespace);
  await load(peer, { mode: 'raw', op: 'create', namespace: 'list', n: LIST_OBJECTS });
}

async function createNamespace(peer: Peer, name: string): Promise<void> {
  const response = await peer.post('/api/v1/namespaces', { metadata: { name } });
  if (response.status !== 201) throw new Error(`${peer.name}: namespace ${name}: ${response.status} ${response.body}`);
}

interface Read extends Pick<Work, 'name' | 'text' | 'goalMin' | 'unit'> {
  readonly path: string;
  readonly requests?: number;
}

function read({ path, requests, ...work }: Read): Work {
  return {
    ...work,
    async measure(peer) {
      const amount = requests === undefined ? {} : { requests };
      const { perSecond, mbPerSecond } = await h2load(peer, { path, ...amount }, TOKEN);
      return work.unit === '/s' ? perSecond : mbPerSecond;
    },
  };
}

function write(op: string, goalMin: number, flags: Readonly<Record<string, string | number | boolean>>): Work {
  const mode = String(flags['mode']);
  const who =
    mode === 'raw' ? 'raw' : flags['clients'] === 1 ? 'one client-go client' : '32 client-go clients, protobuf';
  return {
    name: `${op}-${mode === 'raw' ? 'raw' : flags['clients'] === 1 ? 'one' : 'protobuf'}`,
    text: `${op}, ${who}`,
    unit: '/s',
    goalMin,
    async measure(peer, round) {
      const prefix = `${mode}-${flags['clients'] ?? 0}-${round}`;
      return (await load(peer, { ...flags, op, prefix, namespace: 'bench' })).perSecond;
    },
  };
}

function writes(goalMin: number, flags: Readonly<Record<string, string | number | boolean>>): Work[] {
  return ['create', 'update', 'patch', 'delete'].map((op) => write(op, goalMin, { n: WRITES, ...flags }));
}

function fanOut(watchers: number, events: number): Work {
  return {
    name: `watch-${watchers}`,
    text: `watch fan-out to ${watchers} watchers, events`,
    unit: '/s',
    goalMin: 5,
    async measure(peer, round) {
      const flags = { watchers, n: events, namespace: `watch${watchers}`, prefix: `round-${round}` };
      return (await load(peer, { mode: 'watch', ...flags })).perSecond;
    },
  };
}

const createByUrl: Work = {
  name: 'create-h2load',
  text: 'create, generated names, h2load',
  unit: '/s',
  goalMin: 3,
  async measure(peer) {
    const bodyFile = join(tmpdir(), 'kapella-bench-object.json');
    writeFileSync(bodyFile, rawObject());
    return (await h2load(peer, { path: configMaps('bench'), bodyFile }, TOKEN)).perSecond;
  },
};

export const works: readonly Work[] = [
  read({ name: 'get', text: 'GET one object', goalMin: 5, path: `${configMaps('list')}/o-1`, unit: '/s' }),
  read({
    name: 'list',
    text: 'LIST 10,000 objects of 2 kB',
    goalMin: 2.5,
    path: configMaps('list'),
    unit: 'MB/s',
    requests: 64,
  }),
  read({
    name: 'list-label',
    text: 'LIST by label, 1 in 10',
    goalMin: 5,
    path: `${configMaps('list')}?labelSelector=tenth%3D3`,
    unit: '/s',
    requests: 320,
  }),
  createByUrl,
  ...writes(3, { mode: 'raw' }),
  ...writes(1.5, { mode: 'clientgo', clients: 1, n: 1_000 }),
  ...writes(2, { mode: 'clientgo', clients: 32, protobuf: true }),
  fanOut(100, 1_000),
  fanOut(1_000, 100),
];
