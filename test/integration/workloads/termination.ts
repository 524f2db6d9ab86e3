/** How containers end: hooks first, then the signal, then time, then force. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { pod } from '../../support/manifests.ts';
import { openSession, type Session } from '../../support/session.ts';
import { journal } from './containers.ts';

const gone = (s: Session, name: string, timeoutMs?: number) =>
  eventually(
    `Pod ${name} is gone`,
    async () => (await s.try(`get pod ${name}`)).stderr.includes('not found'),
    timeoutMs,
  );

export function terminationTests(cluster: () => TestCluster): void {
  test('preStop runs to its end before TERM; the Pod is Terminating meanwhile', async () => {
    const s = await openSession(cluster(), 'prestop');
    const book = journal(cluster(), s.ns);
    const note = (word: string) => `echo ${word} >> /journal/log`;
    const container = {
      volumeMounts: [book.mount],
      lifecycle: {
        postStart: { exec: { command: ['sh', '-c', note('post-start')] } },
        preStop: { exec: { command: ['sh', '-c', `${note('pre-stop')}; sleep 2; ${note('pre-stop-end')}`] } },
      },
    };
    const script = `trap '${note('term')}; sleep 1; ${note('exit')}; exit 0' TERM; while true; do sleep 0.1; done`;
    const spec = { volumes: [book.volume], terminationGracePeriodSeconds: 20 };
    await s.apply(pod('main', { script, container, spec }));
    await s.ready('main');
    await s.k('delete pod main --wait=false');
    assert.match(await s.k('get pod main'), /main\s+1\/1\s+Terminating/);
    await gone(s, 'main', 15_000);
    assert.deepEqual(book.lines(), ['post-start', 'pre-stop', 'pre-stop-end', 'term', 'exit']);
    await s.eventOf('main', 'Killing', /Stopping container main/);
  });

  test('who ignores TERM is killed when the grace period is over, not before', async () => {
    const s = await openSession(cluster(), 'grace');
    const spec = { terminationGracePeriodSeconds: 3 };
    await s.apply(pod('main', { script: "trap '' TERM; while true; do sleep 1; done", spec }));
    await s.ready('main');
    const start = performance.now();
    await s.k('delete pod main --wait=false');
    await gone(s, 'main', 15_000);
    const tookMs = performance.now() - start;
    assert.ok(tookMs >= 2900 && tookMs < 8000, `gone after ${tookMs} ms`);
  });

  test('preStop sleep takes its time; a shorter grace period of a later request ends it', async () => {
    const s = await openSession(cluster(), 'sleep');
    const sleeping = (seconds: number) => ({
      container: { lifecycle: { preStop: { sleep: { seconds } } } },
      spec: { terminationGracePeriodSeconds: 60 },
    });
    await s.apply(pod('short', sleeping(2)), pod('long', sleeping(50)));
    await Promise.all([s.ready('short'), s.ready('long')]);
    const start = performance.now();
    await s.k('delete pod short long --wait=false');
    await s.k('delete pod long --wait=false --grace-period=2');
    await gone(s, 'short', 15_000);
    const tookMs = performance.now() - start;
    assert.ok(tookMs >= 1900 && tookMs < 10_000, `gone after ${tookMs} ms`);
    await gone(s, 'long', 15_000);
  });

  test('a finalizer keeps the Pod after its containers; removing it lets it go', async () => {
    const s = await openSession(cluster(), 'final');
    await s.apply(pod('main'));
    await s.ready('main');
    await s.k(`patch pod main -p '{"metadata":{"finalizers":["kapella.test/hold"]}}'`);
    await s.k('delete pod main --wait=false');
    await s.podUntil('main', 'has ended', (seen) => /Succeeded|Failed/.test(seen.status?.phase ?? ''));
    assert.match(await s.k('get pod main'), /main/);
    await s.k(`patch pod main --type json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`);
    await gone(s, 'main');
  });

  test('activeDeadlineSeconds ends a Pod that runs too long', async () => {
    const s = await openSession(cluster(), 'deadline');
    await s.apply(pod('main', { spec: { activeDeadlineSeconds: 2, restartPolicy: 'Never' } }));
    const seen = await s.finished('main', 20_000);
    assert.equal(seen.status?.phase, 'Failed');
    assert.equal(seen.status?.reason, 'DeadlineExceeded');
  });
}
