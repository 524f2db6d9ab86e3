/** What every new cluster holds, made once a process and shared by all that begin at the same time. */
import { coreV1 } from '@kapella/api';
import { type Clock, createSeededRandom, type Ctx, isReason, silentLogger } from '@kapella/base';
import { createMemoryStore, type MemorySnapshot } from '@kapella/store';
import { clientFor, MASTER } from '@kapella/control-plane';
import { bootstrapSim, startSimApi } from '@kapella/simulator';

const TEMPLATES_MAX = 16;
const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const templates = new Map<number, Promise<MemorySnapshot>>();

/** `startMs`: the time of creation that its objects show. */
export function templateAt(startMs: number): Promise<MemorySnapshot> {
  let template = templates.get(startMs);
  if (template === undefined) {
    if (templates.size >= TEMPLATES_MAX) templates.clear();
    template = makeTemplate(startMs);
    templates.set(startMs, template);
  }
  return template;
}

async function makeTemplate(startMs: number): Promise<MemorySnapshot> {
  const stop = new AbortController();
  const clock: Clock = { nowMs: () => startMs, monotonicMs: () => 0, setTimer: () => ({ cancel: () => {} }) };
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom(startMs >>> 0) };
  const store = createMemoryStore();
  const server = await startSimApi({ store }, ctx);
  const client = clientFor(server, MASTER, 'kapella-bootstrap');
  await bootstrapSim(client, ctx);
  for (const namespace of NAMESPACES) {
    await client.create(coreV1.ServiceAccount, { metadata: { name: 'default', namespace } }, ctx).catch((error) => {
      if (!isReason(error, 'AlreadyExists')) throw error;
    });
  }
  const snapshot = store.snapshot();
  stop.abort();
  server.close();
  await store.close();
  return snapshot;
}
