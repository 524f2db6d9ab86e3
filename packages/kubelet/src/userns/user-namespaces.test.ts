/** Ranges of users for Pods: each its own, kept over restarts, given back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryFiles } from '../host/memory-files.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { createUserNamespaces, parseSubIds, type UserNamespaceDeps } from './user-namespaces.ts';

const handler = (name: string, userNamespaces: boolean) => ({ name, recursiveReadOnlyMounts: true, userNamespaces });
const pod = (name: string) => testPod(name, { hostUsers: false });

const depsOf = (more: Partial<UserNamespaceDeps> = {}): UserNamespaceDeps => ({
  files: createMemoryFiles(),
  podsDir: '/pods',
  idsPerPod: 65_536,
  podsMax: 110,
  handlers: () => [handler('', true), handler('old', false)],
  ...more,
});

test('each Pod has a range of its own, the lowest that is free, also after a restart', async () => {
  const deps = depsOf();
  const first = await createUserNamespaces(deps);
  const hostIdOf = async (from: typeof first, name: string) => (await from.optionsOf(pod(name), ''))?.uids[0]?.hostId;
  assert.equal(await first.optionsOf(testPod('plain', {}), ''), undefined);
  assert.equal(await first.optionsOf(testPod('host', { hostUsers: true }), ''), undefined);
  assert.deepEqual(await first.optionsOf(pod('a'), ''), {
    mode: 'POD',
    uids: [{ hostId: 65_536, containerId: 0, length: 65_536 }],
    gids: [{ hostId: 65_536, containerId: 0, length: 65_536 }],
  });
  assert.equal(await hostIdOf(first, 'b'), 131_072);
  const again = await createUserNamespaces(deps);
  assert.equal(await hostIdOf(again, 'c'), 196_608);
  assert.equal(await hostIdOf(again, 'b'), 131_072);
  await again.release('uid-a');
  assert.equal(await hostIdOf(again, 'd'), 65_536);
});

test('a runtime without them, or a handler that nobody knows, is said', async () => {
  const old = await createUserNamespaces(depsOf({ handlers: () => [] }));
  const text = "can't set `spec.hostUsers: false`, runtime does not support user namespaces";
  await assert.rejects(old.optionsOf(pod('a'), ''), { message: text });
  const some = await createUserNamespaces(depsOf());
  await assert.rejects(some.optionsOf(pod('a'), 'old'), /RuntimeClass handler "old" does not support/);
  await assert.rejects(some.optionsOf(pod('a'), 'other'), /the handler "other" is not known/);
});

test('the range of the user kubelet, if it is fit', async () => {
  assert.deepEqual(parseSubIds('root:1:2\nkubelet:65536:7208960\n', 'kubelet'), { first: 65_536, length: 7_208_960 });
  assert.equal(parseSubIds('root:1:2\n', 'kubelet'), undefined);
  assert.throws(() => parseSubIds('kubelet:1:2\nkubelet:3:4', 'kubelet'), /2 ranges/);
  const own = await createUserNamespaces(depsOf({ range: { first: 655_360, length: 110 * 65_536 } }));
  assert.equal((await own.optionsOf(pod('a'), ''))?.uids[0]?.hostId, 655_360);
  await assert.rejects(
    createUserNamespaces(depsOf({ range: { first: 65_536, length: 65_536 } })),
    /not enough to support 110 pods/,
  );
  await assert.rejects(
    createUserNamespaces(depsOf({ range: { first: 100_000, length: 65_536 } })),
    /ID 100000 is not a multiple of 65536/,
  );
});

test('a file that somebody else wrote is not trusted', async () => {
  const deps = depsOf();
  await deps.files.mkdir('/pods/uid-a', 0o750);
  const mapping = [{ hostId: 65_536, containerId: 1, length: 65_536 }];
  await deps.files.write('/pods/uid-a/userns', JSON.stringify({ uidMappings: mapping, gidMappings: mapping }), 0o600);
  await assert.rejects(createUserNamespaces(deps), /UID 0 must be mapped/);
});
