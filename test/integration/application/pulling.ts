/** Images from a real registry on loopback: policies, secrets, and what a Pod says when there is none. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxRecipe, nginxRecipe, pushImageTar } from '@kapella/tools/images';
import type { TestCluster } from '../../support/cluster.ts';
import { pod } from '../../support/manifests.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { containerOf, openSession, type Session } from '../../support/session.ts';

const AUTH = { username: 'ada', password: 'love lace' };
/** A name that no DNS server knows: only the cluster's configuration leads to the registry. */
const MIRRORED = 'registry.kapella.test';

export function registryTests(cluster: () => TestCluster): void {
  describe('a registry', { concurrency: 3 }, () => {
    let open: Registry;
    let locked: Registry;
    let images: { readonly busybox: string; readonly nginx: string };
    before(async () => {
      [open, locked] = await Promise.all([startRegistry(), startRegistry({ auth: AUTH })]);
      images = { busybox: (await busyboxRecipe.build()).tarPath, nginx: (await nginxRecipe().build()).tarPath };
      const serve = { registry: open.url, repository: 'team/app' };
      await pushImageTar(images.busybox, { ...serve, tag: '1' });
      await pushImageTar(images.busybox, { registry: locked.url, repository: 'team/app', tag: '1', ...AUTH });
      leadTo(cluster(), MIRRORED, open.url);
      leadTo(cluster(), locked.address, locked.url);
    });
    after(async () => {
      await open?.stop();
      await locked?.stop();
    });

    test('pulls by name; IfNotPresent keeps what is there, Always looks again', async () => {
      const s = await openSession(cluster(), 'policy');
      const image = `${MIRRORED}/team/app:moving`;
      const push = (tar: string) => pushImageTar(tar, { registry: open.url, repository: 'team/app', tag: 'moving' });
      await push(images.busybox);
      await s.apply(withImage('first', image, 'IfNotPresent'));
      const first = await s.ready('first');
      await s.eventOf('first', 'Pulling', new RegExp(`^Pulling image "${image}"`));
      await s.eventOf('first', 'Pulled', /^Successfully pulled image ".*" in .* Image size: \d+ bytes\./);
      await push(images.nginx);
      await s.apply(withImage('kept', image, 'IfNotPresent'));
      assert.equal(imageIdOf(await s.ready('kept')), imageIdOf(first));
      await s.apply(withImage('anew', image, 'Always'));
      const anew = await s.ready('anew');
      assert.notEqual(imageIdOf(anew), imageIdOf(first));
      assert.match(imageIdOf(anew), new RegExp(`^${MIRRORED}/team/app@sha256:`));
    });

    test('Never does not pull: ErrImageNeverPull', async () => {
      const s = await openSession(cluster(), 'never');
      await s.apply(withImage('main', `${MIRRORED}/team/app:1`, 'Never'));
      const seen = await waitingFor(s, 'main', 'ErrImageNeverPull');
      assert.match(seen.message ?? '', /is not present with pull policy of Never/);
    });

    test('no such tag: ErrImagePull, then ImagePullBackOff, and Running when it comes', async () => {
      const s = await openSession(cluster(), 'late');
      const image = `${MIRRORED}/team/app:late`;
      await s.apply(withImage('main', image));
      const first = await waitingFor(s, 'main', 'ErrImagePull');
      assert.match(first.message ?? '', /not found/);
      const later = await waitingFor(s, 'main', 'ImagePullBackOff');
      assert.match(later.message ?? '', new RegExp(`^Back-off pulling image "${image}"`));
      assert.match(await s.k('get pod main'), /main\s+0\/1\s+ImagePullBackOff/);
      await s.eventOf('main', 'Failed', /Failed to pull image/);
      await s.eventOf('main', 'BackOff', /Back-off pulling image/);
      await pushImageTar(images.busybox, { registry: open.url, repository: 'team/app', tag: 'late' });
      await s.ready('main', 40_000);
    });

    test('a name that is none: InvalidImageName', async () => {
      const s = await openSession(cluster(), 'invalid');
      await s.apply(withImage('main', 'UPPER/Case::x'));
      const seen = await waitingFor(s, 'main', 'InvalidImageName');
      assert.match(seen.message ?? '', /couldn't parse image name/);
    });

    test('a registry with a password: refused without, with a wrong one, and let in by imagePullSecrets', async () => {
      const s = await openSession(cluster(), 'secret');
      const image = `${locked.address}/team/app:1`;
      const secret = (name: string, password: string) =>
        s.k(
          `create secret docker-registry ${name} --docker-server=${locked.address} ` +
            `--docker-username=${AUTH.username} --docker-password='${password}'`,
        );
      await secret('wrong', 'guess');
      await secret('right', AUTH.password);
      const by = (name: string) => ({ imagePullSecrets: [{ name }] });
      await s.apply(withImage('stranger', image, 'Always'), withImage('wrong', image, 'Always', by('wrong')));
      for (const name of ['stranger', 'wrong']) {
        const seen = await waitingFor(s, name, 'ErrImagePull');
        assert.match(seen.message ?? '', /authorization failed|401 Unauthorized|basic auth credentials/i);
      }
      await s.apply(withImage('right', image, 'Always', by('right')));
      await s.ready('right');
      await s.k(`patch serviceaccount default -p '{"imagePullSecrets":[{"name":"right"}]}'`);
      await s.apply(withImage('account', image, 'Always'));
      assert.deepEqual((await s.ready('account')).spec.imagePullSecrets, [{ name: 'right' }]);
    });
  });
}

const withImage = (name: string, image: string, imagePullPolicy?: string, spec?: object) =>
  pod(name, { image, container: { imagePullPolicy }, spec: { ...spec } });

const imageIdOf = (seen: Parameters<typeof containerOf>[0]) => containerOf(seen)?.imageID ?? '';

async function waitingFor(s: Session, name: string, reason: string) {
  const seen = await s.podUntil(
    name,
    `waits for ${reason}`,
    (found) => containerOf(found)?.state?.waiting?.reason === reason,
  );
  return containerOf(seen)?.state?.waiting ?? {};
}

/** Tells containerd where a registry is; it reads this at each pull. */
function leadTo(cluster: TestCluster, host: string, url: string): void {
  const directory = join(cluster.dataDir, 'etc/certs.d', host);
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'hosts.toml'),
    `server = "${url}"\n[host."${url}"]\ncapabilities = ["pull", "resolve"]\n`,
  );
}
