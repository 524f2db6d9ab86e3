/** ComponentStatuses: what runs in the process, what is asked at upstream's ports, and the store. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createMemoryStore } from '@kapella/store';
import { createComponentHealth } from './component-health.ts';

const ctx = hostCtx(new AbortController().signal, silentLogger);

test('a component is well while it runs here; elsewhere it is asked', async () => {
  const asked: string[] = [];
  let answer = { status: 200, headers: {}, body: new TextEncoder().encode('ok') };
  const health = createComponentHealth(createMemoryStore(), async ({ url }) => {
    asked.push(url);
    if (answer.status === 0) throw new Error('connect ECONNREFUSED 127.0.0.1:10259');
    return answer;
  });
  assert.deepEqual(health.names, ['controller-manager', 'scheduler', 'etcd-0']);
  assert.deepEqual(await health.check('etcd-0', ctx), { status: 'True', message: 'ok' });
  const leave = health.enter('scheduler');
  assert.deepEqual(await health.check('scheduler', ctx), { status: 'True', message: 'ok' });
  assert.deepEqual(asked, []);
  leave();
  assert.deepEqual(await health.check('scheduler', ctx), { status: 'True', message: 'ok' });
  assert.deepEqual(asked, ['https://127.0.0.1:10259/healthz']);
  answer = { ...answer, status: 500 };
  assert.equal((await health.check('controller-manager', ctx)).status, 'False');
  answer = { ...answer, status: 0 };
  assert.match(
    (await health.check('scheduler', ctx)).message ?? '',
    /dial tcp 127.0.0.1:10259: connect: connection refused$/,
  );
});

test('a store that fails is told with its reason', async () => {
  const store = createMemoryStore();
  const broken = { ...store, get: () => Promise.reject(new Error('no space')) } as unknown as typeof store;
  const health = createComponentHealth(broken, () => Promise.reject(new Error('not asked')));
  const verdict = await health.check('etcd-0', ctx);
  assert.equal(verdict.status, 'False');
  assert.match(verdict.error ?? '', /no space/);
});
