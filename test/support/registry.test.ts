/** The registry helper: what is pushed can be read back, and a stranger is turned away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pauseRecipe, pushImageTar } from '@kapella/tools/images';
import { startRegistry } from './registry.ts';

test('takes an image', async () => {
  await using registry = await startRegistry();
  const { tarPath } = await pauseRecipe.build();
  const { digest } = await pushImageTar(tarPath, { registry: registry.url, repository: 'team/pause', tag: 'a' });
  const again = await pushImageTar(tarPath, { registry: registry.url, repository: 'team/pause', tag: 'b' });
  assert.equal(again.digest, digest);
  const accept = { accept: 'application/vnd.oci.image.manifest.v1+json' };
  const answer = await fetch(`${registry.url}/v2/team/pause/manifests/b`, { headers: accept });
  assert.equal(answer.headers.get('docker-content-digest'), digest);
  const list = (await (await fetch(`${registry.url}/v2/team/pause/tags/list`)).json()) as { tags: string[] };
  assert.deepEqual(list.tags.sort(), ['a', 'b']);
});

test('with a password, only who knows it', async () => {
  const auth = { username: 'ada', password: 'l:ove lace' };
  await using registry = await startRegistry({ auth });
  const { tarPath } = await pauseRecipe.build();
  const target = { registry: registry.url, repository: 'pause', tag: '1' };
  await assert.rejects(pushImageTar(tarPath, target), /answered 401/);
  await assert.rejects(pushImageTar(tarPath, { ...target, ...auth, password: 'x' }), /answered 401/);
  await pushImageTar(tarPath, { ...target, ...auth });
});
