/** Init containers and sidecars in their order, restart policies, back-off, messages of the dead. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { BUSYBOX } from '../../support/images.ts';
import { IDLE, pod } from '../../support/manifests.ts';
import { conditionOf, containerOf, openSession, restartsOf } from '../../support/session.ts';

/** A directory of the host in which containers write down what they do. */
export function journal(cluster: TestCluster, name: string) {
  const dir = join(cluster.dataDir, 'journals', name);
  mkdirSync(dir, { recursive: true });
  return {
    volume: { name: 'journal', hostPath: { path: dir } },
    mount: { name: 'journal', mountPath: '/journal' },
    lines: () => readFileSync(join(dir, 'log'), 'utf8').trim().split('\n'),
  };
}

const shell = (name: string, script: string, more: object = {}) => ({
  name,
  image: BUSYBOX,
  command: ['sh', '-c', script],
  ...more,
});

export function containerTests(cluster: () => TestCluster): void {
  test('init containers one after the other, a sidecar between them, and its end after the main container', async () => {
    const s = await openSession(cluster(), 'init');
    const book = journal(cluster(), s.ns);
    const note = (word: string) => `echo ${word} >> /journal/log`;
    const volumeMounts = [book.mount];
    const sidecar = `trap '${note('side-end')}; exit 0' TERM; sleep 1; ${note('side-up')}; touch /tmp/up; while true; do sleep 0.1; done`;
    const initContainers = [
      shell('first', note('first'), { volumeMounts }),
      shell('side', sidecar, {
        volumeMounts,
        restartPolicy: 'Always',
        startupProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1, failureThreshold: 30 },
      }),
      shell('second', note('second'), { volumeMounts }),
    ];
    const containers = [shell('main', `${note('main')}; sleep 1; ${note('main-end')}`, { volumeMounts })];
    const spec = { initContainers, containers, volumes: [book.volume], restartPolicy: 'Never' };
    await s.apply(pod('ordered', { spec }));
    const seen = await s.finished('ordered');
    assert.equal(seen.status?.phase, 'Succeeded');
    assert.deepEqual(book.lines(), ['first', 'side-up', 'second', 'main', 'main-end', 'side-end']);
    assert.equal(conditionOf(seen, 'Initialized'), 'True');
    assert.equal(containerOf(seen, 'first')?.state?.terminated?.reason, 'Completed');
    assert.equal(containerOf(seen, 'side')?.state?.terminated?.exitCode, 0);
    assert.match(await s.k('get pod ordered'), /ordered\s+0\/2\s+Completed/);
  });

  test('a failed init container ends the Pod, or is tried again with back-off', async () => {
    const s = await openSession(cluster(), 'initfail');
    const initContainers = [shell('bad', 'echo no luck; exit 4')];
    await s.apply(
      pod('never', { spec: { initContainers, restartPolicy: 'Never' } }),
      pod('always', { spec: { initContainers } }),
    );
    const failed = await s.finished('never');
    assert.equal(failed.status?.phase, 'Failed');
    assert.equal(containerOf(failed, 'bad')?.state?.terminated?.exitCode, 4);
    assert.equal(containerOf(failed)?.state?.waiting?.reason, 'PodInitializing');
    assert.match(await s.k('get pod never'), /never\s+0\/1\s+Init:Error/);
    await eventually('kubectl shows the back-off', async () =>
      /always\s+0\/1\s+Init:CrashLoopBackOff\s+[1-9]/.test(await s.k('get pod always')),
    );
    assert.equal(await s.k('logs always -c bad'), 'no luck\n');
  });

  test('CrashLoopBackOff: 10 seconds before the second restart, said in status and events', async () => {
    const s = await openSession(cluster(), 'crash');
    await s.apply(pod('main', { script: 'echo dying; exit 3' }));
    const waiting = await s.podUntil(
      'main',
      'is in back-off',
      (seen) => containerOf(seen)?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    const status = containerOf(waiting);
    assert.match(status?.state?.waiting?.message ?? '', /^back-off 10s restarting failed container=main pod=main_/);
    assert.equal(status?.lastState?.terminated?.exitCode, 3);
    assert.equal(status?.lastState?.terminated?.reason, 'Error');
    assert.equal(waiting.status?.phase, 'Running');
    assert.match(await s.k('get pod main'), /main\s+0\/1\s+CrashLoopBackOff\s+1/);
    await s.eventOf('main', 'BackOff', /Back-off restarting failed container main in pod main_/);
    const again = await s.podUntil('main', 'was restarted again', (seen) => restartsOf(seen) >= 2);
    const ended = Date.parse(status?.lastState?.terminated?.finishedAt ?? '');
    const newest = containerOf(again)?.state;
    const run = newest?.running ?? newest?.terminated ?? containerOf(again)?.lastState?.terminated;
    const started = Date.parse(run?.startedAt ?? '');
    assert.ok(started - ended >= 9000 && started - ended < 20_000, `restarted after ${started - ended} ms`);
    assert.equal(await s.k('logs main --previous'), 'dying\n');
  });

  test('restartPolicy OnFailure restarts failures only; Never keeps the exit code', async () => {
    const s = await openSession(cluster(), 'policy');
    const volumes = [{ name: 'mark', emptyDir: {} }];
    const container = { volumeMounts: [{ name: 'mark', mountPath: '/mark' }] };
    const once = 'test -e /mark/been && exit 0; touch /mark/been; exit 1';
    await s.apply(
      pod('onfailure', { script: once, container, spec: { volumes, restartPolicy: 'OnFailure' } }),
      pod('never', { script: 'exit 7', spec: { restartPolicy: 'Never' } }),
      pod('good', { script: 'exit 0', spec: { restartPolicy: 'OnFailure' } }),
    );
    const [retried, never, good] = [await s.finished('onfailure'), await s.finished('never'), await s.finished('good')];
    assert.deepEqual([retried.status?.phase, restartsOf(retried)], ['Succeeded', 1]);
    assert.deepEqual([never.status?.phase, containerOf(never)?.state?.terminated?.exitCode], ['Failed', 7]);
    assert.equal(containerOf(never)?.state?.terminated?.reason, 'Error');
    assert.deepEqual([good.status?.phase, restartsOf(good)], ['Succeeded', 0]);
    assert.match(await s.k('get pods'), /never\s+0\/1\s+Error[\s\S]*onfailure\s+0\/1\s+Completed\s+1/);
  });

  test('the message of a container that ended: its file, or the end of its log', async () => {
    const s = await openSession(cluster(), 'message');
    const spec = { restartPolicy: 'Never' };
    const fallback = { terminationMessagePolicy: 'FallbackToLogsOnError' };
    await s.apply(
      pod('file', { script: 'echo -n the reason > /dev/termination-log; exit 1', spec }),
      pod('logs', { script: 'echo one; echo two; exit 1', container: fallback, spec }),
    );
    assert.equal(containerOf(await s.finished('file'))?.state?.terminated?.message, 'the reason');
    assert.equal(containerOf(await s.finished('logs'))?.state?.terminated?.message, 'one\ntwo\n');
  });

  test('a command that is not there: RunContainerError with the cause', async () => {
    const s = await openSession(cluster(), 'nocommand');
    await s.apply(pod('main', { command: ['/no/such/program'] }));
    const seen = await s.podUntil('main', 'says why it cannot run', (found) =>
      /RunContainerError|CrashLoopBackOff/.test(containerOf(found)?.state?.waiting?.reason ?? ''),
    );
    const { state, lastState } = containerOf(seen) ?? {};
    const said = `${state?.waiting?.message} ${lastState?.terminated?.message}`;
    assert.match(said, /no such file or directory/);
    await s.eventOf('main', 'Failed', /no such file or directory/);
  });

  test('containers of one Pod share address, host name and, when asked, processes', async () => {
    const s = await openSession(cluster(), 'shared');
    const containers = [shell('main', IDLE), shell('other', `echo here | nc -l -p 9000; ${IDLE}`)];
    const hostAliases = [{ ip: '192.0.2.1', hostnames: ['elsewhere.test'] }];
    const spec = { containers, shareProcessNamespace: true, hostname: 'front', subdomain: 'team', hostAliases };
    await s.apply(pod('main', { spec }));
    const { status } = await s.ready('main');
    assert.equal(await s.exec('main', 'nc -w 2 127.0.0.1 9000 < /dev/null', 'main'), 'here');
    assert.match(await s.exec('main', 'ps -o args', 'main'), /nc -l -p 9000|sleep/);
    assert.match(await s.exec('main', 'cat /etc/hosts', 'main'), /192\.0\.2\.1\s+elsewhere\.test/);
    assert.equal(await s.exec('main', 'hostname -f', 'main'), `front.team.${s.ns}.svc.cluster.local`);
    assert.equal(await s.exec('main', 'hostname -i', 'main'), status?.podIP);
  });
}
