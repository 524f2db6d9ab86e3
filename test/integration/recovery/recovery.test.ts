/** kill -9 of every process in turn, under load: containers go on, what was acknowledged is there, `up` mends the rest. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createApi } from '../../support/api.ts';
import { eventually, startCluster, type TestCluster } from '../../support/cluster.ts';
import { deployGuestbook, type Guestbook } from '../../support/guestbook.ts';
import { deployment, pod } from '../../support/manifests.ts';
import { openSession, restartsOf, type Session } from '../../support/session.ts';
import { startWriters } from './writers.ts';

type Part = 'server' | 'node' | 'containerd';

let cluster: TestCluster;
let guestbook: Guestbook;
let s: Session;
before(async () => {
  cluster = await startCluster({
    name: 't-rec',
    apiPort: 16449,
    podCidr: '10.122.0.0/16',
    serviceCidr: '10.123.0.0/16',
  });
  guestbook = await deployGuestbook(cluster);
  s = await openSession(cluster, 'witness');
  await s.apply(deployment('app', 3), pod('alone'));
  await guestbook.session.apply(pod('client'));
  await guestbook.answers();
  await guestbook.session.ready('client');
  await s.k('rollout status deployment/app --timeout=60s');
  await s.ready('alone');
});
after(() => cluster?.[Symbol.asyncDispose]());

const runDir = () => join('/run/kapella', cluster.name);
/** The first number of a pid file; what follows tells the process from a later one of the same number. */
const pidOf = (part: Part) =>
  Number(
    readFileSync(join(runDir(), `${part}.pid`), 'utf8')
      .trim()
      .split(/\s/)[0],
  );

async function kill9(part: Part): Promise<void> {
  const pid = pidOf(part);
  process.kill(pid, 'SIGKILL');
  await eventually(`${part} is dead`, async () => !isAlive(pid));
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function up(): Promise<void> {
  const result = await cluster.kapella('up --yes', { timeoutMs: 120_000 });
  assert.equal(result.code, 0, result.stdout + result.stderr);
}

/** `namespace/pod/container id restarts` of every container, as the API tells it. */
async function containers(): Promise<readonly string[]> {
  const all = [...(await s.pods('')), ...(await guestbook.session.pods(''))];
  return all.flatMap(({ metadata, status }) =>
    (status?.containerStatuses ?? []).map(
      (one) => `${metadata.namespace}/${metadata.name}/${one.name} ${one.containerID} ${one.restartCount} ${one.ready}`,
    ),
  );
}

/** First process of each container, as the kernel tells it. */
function processesOf(rows: readonly string[]): readonly number[] {
  return rows.map((row) => {
    const id = /containerd:\/\/(\w+)/.exec(row)?.[1] ?? '';
    const state = join(runDir(), 'containerd/io.containerd.runtime.v2.task/k8s.io', id, 'init.pid');
    return Number(readFileSync(state, 'utf8'));
  });
}

/** Same containers, same processes, same counts, and the application answers. */
async function assertUndisturbed(earlier: readonly string[], pids: readonly number[]): Promise<void> {
  await eventually(
    'the API tells of the same containers',
    async () => {
      assert.deepEqual(await containers(), earlier);
      return true;
    },
    30_000,
  );
  assert.deepEqual(
    pids.filter((pid) => !isAlive(pid)),
    [],
    'no container process ended',
  );
  const table = await s.k('get pods');
  assert.match(table, /alone\s+1\/1\s+Running\s+0/);
  assert.match(await cluster.kubectl('get nodes'), /\sReady\s/);
}

let signed = 0;
async function assertAnswers(): Promise<void> {
  await guestbook.answers(30_000);
  const text = `entry ${++signed}`;
  await eventually('an entry is taken', () => guestbook.sign(text).then(() => true), 20_000);
  assert.equal((await guestbook.texts())[0], text);
  assert.equal((await guestbook.textsFromPod())[0], text);
  assert.equal(await s.exec('alone', 'echo $((6*7))'), '42', 'the runtime takes orders');
}

describe('kill -9', () => {
  test('of the server, three times, under writes: no acknowledged write is lost, no container is disturbed', async () => {
    const [earlier] = [await containers()];
    const pids = processesOf(earlier);
    const writers = startWriters(createApi(cluster.kubeconfig), s.ns, 8);
    for (let round = 1; round <= 3; round++) {
      await writers.acknowledgedAtLeast(round * 150);
      await kill9('server');
      assert.ok((await guestbook.texts()) !== undefined, 'the application answers without a control plane');
      await up();
    }
    await writers.acknowledgedAtLeast(600);
    const { acknowledged, maybe } = await writers.stop();
    await assertUndisturbed(earlier, pids);
    const found = await writers.stored();
    const lost = [...acknowledged].filter(
      ([name, value]) => found.get(name) !== value && !maybe.has(`${name}=${found.get(name)}`),
    );
    assert.deepEqual(lost, []);
    const invented = [...found].filter(
      ([name, value]) => acknowledged.get(name) !== value && !maybe.has(`${name}=${value}`),
    );
    assert.deepEqual(invented, [], 'nothing is there that nobody wrote');
    assert.ok(writers.revisionsRise(), 'revisions of acknowledged writes never go back');
    await assertAnswers();
  });

  test('of the node agent: it adopts what runs, and does what it missed', async () => {
    const earlier = await containers();
    const pids = processesOf(earlier);
    await kill9('node');
    assert.ok((await guestbook.texts()).length > 0, 'Services go on without the agent');
    await up();
    await assertUndisturbed(earlier, pids);

    await s.apply(pod('missed'), pod('doomed'));
    await Promise.all([s.ready('missed'), s.ready('doomed')]);
    const missed = (await containers()).find((row) => row.includes('/missed/'));
    await kill9('node');
    process.kill(processesOf([missed ?? ''])[0] ?? 0, 'SIGKILL');
    await s.k('delete pod doomed --wait=false');
    await s.apply(pod('late'));
    await up();
    await s.podUntil('missed', 'was restarted once', (seen) => restartsOf(seen) === 1);
    await s.ready('late');
    await eventually('the deleted Pod is gone', async () =>
      (await s.try('get pod doomed')).stderr.includes('not found'),
    );
    assert.match(await s.k('get pods'), /late\s+1\/1\s+Running\s+0[\s\S]*missed\s+1\/1\s+Running\s+1/);
    await s.k('delete pod missed late');
    await assertAnswers();
  });

  test('of containerd: containers go on, and it takes orders again', async () => {
    const earlier = await containers();
    const pids = processesOf(earlier);
    await kill9('containerd');
    assert.ok((await guestbook.texts()).length > 0, 'the application answers without a runtime');
    assert.deepEqual(
      pids.filter((pid) => !isAlive(pid)),
      [],
    );
    await up();
    await assertUndisturbed(earlier, pids);
    await s.apply(pod('after'));
    await s.ready('after');
    await s.k('delete pod after');
    await assertAnswers();
  });

  test('of all three at once', async () => {
    const earlier = await containers();
    const pids = processesOf(earlier);
    for (const part of ['containerd', 'node', 'server'] as const) process.kill(pidOf(part), 'SIGKILL');
    const status = await cluster.kapella('status');
    assert.equal(status.code, 1, 'status says that something does not run');
    await up();
    await assertUndisturbed(earlier, pids);
    assert.equal((await cluster.kapella('status')).code, 0);
    await assertAnswers();
    assert.equal((await guestbook.texts()).length, signed, 'no entry is lost');
  });
});
