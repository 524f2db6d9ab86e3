/** Pods of files: read, mirrored, changed, removed; without the API they run all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewObject } from '@kapella/api';
import type { Pod, PodStatus } from '@kapella/api/types/core-v1';
import { createVirtualClock, type Ctx, errors, silentLogger } from '@kapella/base';
import type { InformerHandler } from '@kapella/client';
import { createMirrors } from './mirrors.ts';
import { ANNOTATIONS, fullName, isMirror, staticPod } from './static-pod.ts';
import { createStaticSource, type StaticFiles } from './static-source.ts';

const NODE = 'node-1';
const container = { name: 'main', image: 'app:1' };
const raw = (name: string, more: Partial<Pod['spec']> = {}): NewObject<Pod> => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name } },
  spec: { containers: [container], ...more },
});
const facts = { hash: 'h1', nodeName: 'Node-1', seen: '2026-01-01T00:00:00Z' };

test('a Pod of a file has the name of its node, a uid of its content, and stays while the node is in trouble', () => {
  const pod = staticPod(raw('web'), facts);
  assert.equal(fullName(pod), 'default/web-node-1');
  assert.deepEqual([pod.metadata.uid, pod.spec.nodeName, pod.status?.phase], ['h1', 'Node-1', 'Pending']);
  assert.deepEqual(pod.spec.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }]);
  assert.equal(pod.metadata.annotations?.[ANNOTATIONS.source], 'file');
});

test('what only the API could tell is refused', () => {
  const refuses = (more: Partial<Pod['spec']>, what: string) =>
    assert.throws(() => staticPod(raw('web', more), facts), new RegExp(`static pods may not reference ${what}`));
  refuses({ serviceAccountName: 'robot' }, 'serviceaccounts');
  refuses({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }, 'secrets');
  refuses({ volumes: [{ name: 'v', projected: { sources: [{ configMap: { name: 'c' } }] } }] }, 'configmaps');
  refuses({ containers: [{ ...container, envFrom: [{ secretRef: { name: 's' } }] }] }, 'secrets');
  assert.throws(() => staticPod({ ...raw('web'), metadata: { name: '' } }, facts), /name is needed/);
});

function world() {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const random = { float: () => 0, bytes: (n: number) => new Uint8Array(n), uuid: () => '' };
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random };
  const contents = new Map<string, string>();
  const looks = new Set<() => void>();
  const files: StaticFiles = {
    read: async () => new Map(contents),
    changed: (own) =>
      new Promise((resolve) => {
        looks.add(resolve);
        own.signal.addEventListener('abort', () => resolve(), { once: true });
      }),
    hash: (text) => `hash of ${text.split('\n').at(-1)}`,
    parse: (text) => JSON.parse(text) as NewObject<Pod>,
  };
  const statics = createStaticSource(files, NODE);
  const handlers = new Set<InformerHandler<Pod>>();
  const api = new Map<string, Pod>();
  let serial = 0;
  const client = {
    get: async () => ({ metadata: { name: NODE, uid: 'node-uid' } }) as never,
    async create(_kind: unknown, body: NewObject<Pod>) {
      const pod = {
        ...body,
        metadata: { ...body.metadata, uid: `mirror-${++serial}`, resourceVersion: String(serial) },
      } as Pod;
      api.set(fullName(pod), pod);
      for (const handler of handlers) handler.add?.(pod);
      return pod as never;
    },
    async delete(_kind: unknown, named: unknown, _ctx: unknown, options?: { uid?: string }) {
      const pod = [...api.values()].find(({ metadata }) => metadata.uid === options?.uid);
      if (pod === undefined) throw errors.notFound({ group: '', resource: 'pods', name: String(named) });
      api.delete(fullName(pod));
      for (const handler of handlers) handler.delete?.(pod);
    },
  };
  const source = {
    synced: async () => {},
    subscribe(handler: InformerHandler<Pod>) {
      handlers.add(handler);
      for (const pod of api.values()) handler.add?.(pod);
      return () => void handlers.delete(handler);
    },
  };
  const mirrors = createMirrors({ api: source, statics, client: client as never, nodeName: NODE });
  const written: string[] = [];
  const writer = mirrors.statusWriter({
    publish: (pod: Pod, status: PodStatus) => void written.push(`${pod.metadata.uid} ${status.phase}`),
    flushed: async () => {},
    forget: () => {},
  });
  const seen: string[] = [];
  mirrors.pods.subscribe({
    add: (pod) => void seen.push(`+ ${pod.metadata.name} ${pod.metadata.uid}`),
    delete: (pod) => void seen.push(`- ${pod.metadata.name} ${pod.metadata.uid}`),
  });
  const done = Promise.all([statics.run(ctx), mirrors.run(ctx)]);
  return {
    ...{ api, client, seen, written, writer, statics, handlers },
    settle: () => clock.advance(100),
    async put(name: string, pod: NewObject<Pod> | string | undefined) {
      if (pod === undefined) contents.delete(name);
      else contents.set(name, typeof pod === 'string' ? pod : JSON.stringify(pod));
      for (const look of [...looks]) look();
      await clock.advance(100);
    },
    async stop() {
      stop.abort(new Error('enough'));
      await clock.advance(100);
      await done;
    },
  };
}

test('a file makes a Pod and its mirror; another content another Pod; without the file both go', async () => {
  const w = world();
  await w.settle();
  await w.put('web.yaml', raw('web'));
  const first = w.statics.pods()[0] as Pod;
  assert.deepEqual(w.seen, [`+ web-node-1 ${first.metadata.uid}`]);
  const mirror = w.api.get('default/web-node-1') as Pod;
  assert.equal(mirror.metadata.annotations?.[ANNOTATIONS.mirror], first.metadata.uid);
  assert.equal(mirror.metadata.ownerReferences?.[0]?.uid, 'node-uid');
  w.writer.publish(first, { phase: 'Running' });
  assert.deepEqual(w.written, ['mirror-1 Running']);

  await w.put('web.yaml', raw('web', { terminationGracePeriodSeconds: 1 }));
  const second = w.statics.pods()[0] as Pod;
  assert.deepEqual(w.seen.slice(1), [`- web-node-1 ${first.metadata.uid}`, `+ web-node-1 ${second.metadata.uid}`]);
  assert.equal(w.api.get('default/web-node-1')?.metadata.uid, 'mirror-2');
  await w.put('web.yaml', undefined);
  assert.equal(w.seen.at(-1), `- web-node-1 ${second.metadata.uid}`);
  assert.deepEqual([...w.api.keys()], []);
  await w.stop();
});

test('a mirror that somebody deletes comes back, with the status; a file that is none harms no other', async () => {
  const w = world();
  await w.settle();
  await w.put('broken.yaml', '{');
  await w.put('web.yaml', raw('web'));
  const pod = w.statics.pods()[0] as Pod;
  w.writer.publish(pod, { phase: 'Running' });
  await w.client.delete(undefined, undefined, undefined, { uid: 'mirror-1' });
  await w.settle();
  assert.equal(w.api.get('default/web-node-1')?.metadata.uid, 'mirror-2');
  assert.deepEqual(w.written, ['mirror-1 Running', 'mirror-2 Running']);
  assert.ok([...w.api.values()].every(isMirror));
  await w.stop();
});
