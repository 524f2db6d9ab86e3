/** Claims: the default class of a new cluster. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PersistentVolume } from '@kapella/api/types/core-v1';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { podSpec } from '../../support/manifests.ts';
import { openSession } from '../../support/session.ts';

export function storageTests(cluster: () => TestCluster): void {
  test('a claim without a class gets a directory of the node, which goes with it', async () => {
    const s = await openSession(cluster(), 'claim');
    assert.match(
      await s.k('get storageclass'),
      /local-path \(default\)\s+local-path\.kapella\.io\s+Delete\s+WaitForFirstConsumer\s+false/,
    );
    const capacity = await s.k(
      `get csistoragecapacity -n kube-system local-path-${cluster().name} -o jsonpath={.capacity}`,
    );
    assert.match(capacity, /^\d+Mi$/);
    const claim = (name: string, storage: string) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
    });
    const user = (name: string, claimName: string, script: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: podSpec({
        script,
        container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
        spec: {
          securityContext: { runAsUser: 1000, fsGroup: 2000 },
          volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
          restartPolicy: 'Never',
        },
      }),
    });
    await s.apply(
      claim('data', '1Gi'),
      claim('huge', '1000Ti'),
      user('writer', 'data', 'echo kept > /v/file'),
      user('waits', 'huge', 'true'),
    );
    assert.equal((await s.finished('writer')).status?.phase, 'Succeeded');
    const name = await s.k('get pvc data -o jsonpath={.spec.volumeName}');
    const { spec } = JSON.parse(await s.k(`get pv ${name} -o json`)) as PersistentVolume;
    const path = spec.local?.path ?? '';
    assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'kept\n');
    await s.apply(user('reader', 'data', 'cat /v/file'));
    await s.finished('reader');
    assert.equal(await s.k('logs reader'), 'kept\n');
    await s.eventOf('waits', 'FailedScheduling', /node\(s\) did not have enough free storage/);
    await s.k('delete pod writer reader waits --force');
    await s.k('delete pvc data huge');
    await eventually('the directory is gone', async () => !existsSync(path));
    await eventually('the volume is gone', async () => (await s.try(`get pv ${name}`)).code !== 0);
    assert.deepEqual(readdirSync(join(path, '..')), []);
  });
}
