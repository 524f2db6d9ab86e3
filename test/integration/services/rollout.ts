/** The measure of a rolling update: no request of ten thousand is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, type TestCluster } from '../../support/cluster.ts';
import { NGINX } from '../../support/images.ts';
import { runLoad } from '../../support/load.ts';
import { deployment, service } from '../../support/manifests.ts';
import { openSession } from '../../support/session.ts';
import { answers, ipOf } from './addresses.ts';

const REQUESTS = 10_000;
const thisSecond = () => Math.floor(Date.now() / 1000);

export function rolloutTests(cluster: () => TestCluster): void {
  test(`0 of ${REQUESTS} requests fail while all Pods are replaced, again and again`, async () => {
    const s = await openSession(cluster(), 'rolling');
    const container = {
      command: undefined, // the image's own
      ports: [{ name: 'http', containerPort: 80 }],
      readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
      // As everywhere in Kubernetes: time for the rules to learn that this Pod takes no new connections.
      lifecycle: { preStop: { sleep: { seconds: 2 } } },
    };
    const strategy = { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
    const spec = { terminationGracePeriodSeconds: 20 };
    await s.apply(deployment('web', 3, { image: NGINX, container, spec }, { strategy }), service('web'));
    await s.k('rollout status deployment/web --timeout=60s');
    const url = `http://${await ipOf(s, 'web')}/`;
    await answers(url);
    const before = (await s.pods('app=web')).map(({ metadata }) => metadata.uid);
    const replaceAll = async () => {
      for (let rollouts = 0; rollouts < 2; rollouts++) {
        const second = thisSecond();
        await s.k('rollout restart deployment/web');
        await s.k('rollout status deployment/web --timeout=90s');
        // kubectl writes the second of a restart into the template, and refuses another one in the same second.
        await eventually('the second of the restart is over', async () => thisSecond() > second + 1);
      }
    };
    const replaced = replaceAll();
    const { requests, failures } = await runLoad(url, { requestsMin: REQUESTS, until: replaced, pauseMs: 8 });
    await replaced; // a rollout that failed says why
    assert.deepEqual(failures.slice(0, 10), [], `${failures.length} of ${requests} requests failed`);
    assert.ok(requests >= REQUESTS);
    const after = (await s.pods('app=web')).map(({ metadata }) => metadata.uid);
    assert.equal(
      after.some((uid) => before.includes(uid)),
      false,
      'no Pod is the one it was',
    );
  });
}
