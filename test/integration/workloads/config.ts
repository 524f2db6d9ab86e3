/** ConfigMaps, Secrets and the Pod's own fields as environment and as files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { pod } from '../../support/manifests.ts';
import { containerOf, openSession, restartsOf } from '../../support/session.ts';

const UPDATE_MS_MAX = 20_000;

export function configTests(cluster: () => TestCluster): void {
  test('ConfigMap and Secret as environment and files; files follow changes, the environment does not', async () => {
    const s = await openSession(cluster(), 'config');
    await s.k('create configmap settings --from-literal=color=blue --from-literal=app.conf=level=1');
    await s.k('create secret generic login --from-literal=user=ada --from-literal=pass=first');
    await s.apply(configuredPod());
    const started = await s.ready('main');
    assert.equal(await s.exec('main', 'echo $COLOR/$PASS/$IN_color/$IN_user/$NOT_THERE.'), 'blue/first/blue/ada/.');
    assert.equal(await s.exec('main', 'cat /config/app.conf /picked/deep/level.conf /single'), 'level=1level=1blue');
    assert.equal(await s.exec('main', 'cat /login/pass'), 'first');
    assert.equal(
      await s.exec('main', 'stat -Lc %a /config/color /picked/deep/level.conf /login/pass'),
      '644\n440\n400',
    );
    assert.match(await s.exec('main', 'grep " /login " /proc/mounts'), /tmpfs/, 'secrets never reach a disk');
    assert.notEqual((await s.try(`exec main -- touch /config/new`)).code, 0, 'the volume is read-only');

    await s.k(`patch configmap settings -p '{"data":{"app.conf":"level=2","color":null,"extra":"yes"}}'`);
    await s.k(`patch secret login -p '{"stringData":{"pass":"second"}}'`);
    await eventually(
      'the files changed',
      async () => {
        const seen = await s.exec('main', 'cat /config/app.conf /picked/deep/level.conf /config/extra /login/pass');
        return seen === 'level=2level=2yessecond';
      },
      UPDATE_MS_MAX,
    );
    assert.equal(await s.exec('main', 'ls /config'), 'app.conf\nextra', 'a removed key is a removed file');
    assert.equal(
      await s.exec('main', 'echo $COLOR/$PASS; cat /single'),
      'blue/first\nblue',
      'as they were at the start',
    );
    const still = await s.pod('main');
    assert.equal(containerOf(still)?.containerID, containerOf(started)?.containerID);
    assert.equal(restartsOf(still), 0);
  });

  test('a Pod waits for what it refers to, says so, and starts when it comes', async () => {
    const s = await openSession(cluster(), 'missing');
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'late', key: 'a' } } }];
    const volumes = [{ name: 'v', secret: { secretName: 'late' } }];
    const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] };
    await s.apply(pod('env', { container: { env } }), pod('volume', { container: mount, spec: { volumes } }));
    await s.podUntil('env', 'says what it lacks', (seen) => {
      const waiting = containerOf(seen)?.state?.waiting;
      return (
        waiting?.reason === 'CreateContainerConfigError' && /configmap "late" not found/.test(waiting.message ?? '')
      );
    });
    await s.eventOf('volume', 'FailedMount', /secret "late" not found/);
    assert.equal(containerOf(await s.pod('volume'))?.state?.waiting?.reason, 'ContainerCreating');
    assert.match(await s.k('get pod env'), /env\s+0\/1\s+CreateContainerConfigError/);
    await s.k('create configmap late --from-literal=a=1');
    await s.k('create secret generic late --from-literal=a=1');
    await Promise.all([s.ready('env'), s.ready('volume')]);
  });

  test('downward API: fields and resources as environment and files that follow labels', async () => {
    const s = await openSession(cluster(), 'downward');
    await s.apply(downwardPod());
    const { metadata, spec, status } = await s.ready('main');
    const fields = [metadata.name, s.ns, metadata.uid, spec.nodeName, status?.podIP, status?.hostIP, 'default', 'x'];
    assert.equal(await s.exec('main', 'echo $NAME $NS $UID_ $NODE $IP $HOST $ACCOUNT $LABEL'), fields.join(' '));
    assert.equal(await s.exec('main', 'echo $CPU $MEMORY_MI; cat /info/cpu'), '2 32\n250');
    assert.equal(await s.exec('main', 'cat /info/labels'), 'app="x"\ntier="one"');
    await s.k('label pod main tier=two --overwrite');
    await eventually(
      'the file follows the label',
      async () => (await s.exec('main', 'cat /info/labels')) === 'app="x"\ntier="two"',
      UPDATE_MS_MAX,
    );
  });

  test('commands and arguments expand what the environment defines, in order', async () => {
    const s = await openSession(cluster(), 'expand');
    const env = [
      { name: 'A', value: 'one' },
      { name: 'B', value: '$(A)-two $$(A) $(NOPE)' },
    ];
    const container = { env, args: ['$(B) $(A)'], command: ['echo'] };
    await s.apply(pod('main', { container, spec: { restartPolicy: 'Never' } }));
    await s.finished('main');
    assert.equal(await s.k('logs main'), 'one-two $(A) $(NOPE) one\n');
  });
}

function configuredPod(): object {
  const fromMap = (key: string) => ({ valueFrom: { configMapKeyRef: { name: 'settings', key } } });
  return pod('main', {
    container: {
      env: [
        { name: 'COLOR', ...fromMap('color') },
        { name: 'PASS', valueFrom: { secretKeyRef: { name: 'login', key: 'pass' } } },
        { name: 'NOT_THERE', valueFrom: { secretKeyRef: { name: 'login', key: 'none', optional: true } } },
      ],
      envFrom: [
        { prefix: 'IN_', configMapRef: { name: 'settings' } },
        { prefix: 'IN_', secretRef: { name: 'login' } },
        { configMapRef: { name: 'none', optional: true } },
      ],
      volumeMounts: [
        { name: 'config', mountPath: '/config' },
        { name: 'picked', mountPath: '/picked' },
        { name: 'login', mountPath: '/login', readOnly: true },
        { name: 'config', mountPath: '/single', subPath: 'color' },
      ],
    },
    spec: {
      volumes: [
        { name: 'config', configMap: { name: 'settings' } },
        {
          name: 'picked',
          configMap: { name: 'settings', items: [{ key: 'app.conf', path: 'deep/level.conf', mode: 0o440 }] },
        },
        { name: 'login', secret: { secretName: 'login', defaultMode: 0o400 } },
      ],
    },
  });
}

function downwardPod(): object {
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const resource = (name: string, of: object) => ({ name, valueFrom: { resourceFieldRef: of } });
  return pod('main', {
    labels: { app: 'x', tier: 'one' },
    container: {
      resources: { requests: { cpu: '250m', memory: '16Mi' }, limits: { cpu: '1500m', memory: '32Mi' } },
      env: [
        field('NAME', 'metadata.name'),
        field('NS', 'metadata.namespace'),
        field('UID_', 'metadata.uid'),
        field('NODE', 'spec.nodeName'),
        field('IP', 'status.podIP'),
        field('HOST', 'status.hostIP'),
        field('ACCOUNT', 'spec.serviceAccountName'),
        field('LABEL', "metadata.labels['app']"),
        resource('CPU', { resource: 'limits.cpu' }),
        resource('MEMORY_MI', { resource: 'limits.memory', divisor: '1Mi' }),
      ],
      volumeMounts: [{ name: 'info', mountPath: '/info' }],
    },
    spec: {
      volumes: [
        {
          name: 'info',
          downwardAPI: {
            items: [
              { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
              { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'requests.cpu', divisor: '1m' } },
            ],
          },
        },
      ],
    },
  });
}
