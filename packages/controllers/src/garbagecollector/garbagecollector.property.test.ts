/** Whatever happens: nothing with a living owner is deleted, and no garbage stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@kapella/api';
import { isReason } from '@kapella/base';
import fc from 'fast-check';
import { createGarbageCollectorController } from './garbagecollector.controller.ts';
import { createWorld, KINDS, objectOf, reference } from './test-world.test-support.ts';

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      kind: fc.nat(3),
      owners: fc.array(fc.nat(30), { maxLength: 3 }),
      block: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      index: fc.nat(30),
      policy: fc.constantFrom('Background', 'Foreground', 'Orphan'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('adopt' as const), index: fc.nat(30), owner: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 2000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), expire: fc.boolean() }) },
);

/** The collector may be quicker than the user. */
const unlessGone = (error: unknown) => {
  if (!isReason(error, 'NotFound', 'Conflict')) throw error;
};

test('nothing with a living owner is deleted, and no garbage stays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const world = createWorld(createGarbageCollectorController);
      const ever: KubeObject[] = [];
      const liveOf = (uid: string) => world.all().find((object) => object.metadata.uid === uid);
      world.hooks.on = (request) => {
        // The collector's deletions name a uid, the user's do not.
        const uid = request.method === 'DELETE' ? request.body?.preconditions?.uid : undefined;
        const object = uid === undefined ? undefined : liveOf(uid);
        if (object === undefined || request.body.preconditions.resourceVersion !== object.metadata.resourceVersion)
          return undefined;
        const owners = object.metadata.ownerReferences ?? [];
        assert.ok(owners.length > 0, `${object.metadata.name} has no owner, so is nobody's garbage`);
        for (const { uid: owner } of owners) {
          const living = liveOf(owner);
          if (living === undefined) continue;
          assert.ok(
            living.metadata.finalizers?.includes('foregroundDeletion'),
            `${object.metadata.name} has a living owner`,
          );
        }
        return undefined;
      };
      await world.start();
      const pick = (index: number) => ever[index % Math.max(1, ever.length)];
      const kindOf = (object: KubeObject) => KINDS.find((kind) => kind.kind === object.kind)!;
      for (const [i, s] of steps.entries()) {
        if (s.do === 'wait') await world.clock.advance(s.ms);
        else if (s.do === 'cut') world.api.endWatches(s.expire);
        else if (s.do === 'create') {
          const kind = KINDS[s.kind]!;
          const owners = s.owners
            .map(pick)
            .filter((o): o is KubeObject => o !== undefined && (kind.namespaced || o.metadata.namespace === undefined));
          const references = [...new Set(owners)].map((owner) => reference(owner, { blockOwnerDeletion: s.block }));
          ever.push(
            (await world.user.create(
              kind,
              objectOf(kind, `o${i}`, references) as never,
              world.ctx,
            )) as unknown as KubeObject,
          );
        } else if (s.do === 'delete') {
          const object = pick(s.index);
          if (object !== undefined && liveOf(object.metadata.uid))
            await world.user
              .delete(kindOf(object), object, world.ctx, { propagationPolicy: s.policy as 'Orphan' })
              .catch(unlessGone);
        } else {
          const [object, owner] = [pick(s.index), pick(s.owner)];
          if (object === undefined || owner === undefined || object === owner || !liveOf(object.metadata.uid)) continue;
          if (object.metadata.namespace === undefined && owner.metadata.namespace !== undefined) continue;
          const body = { metadata: { ownerReferences: [reference(owner, { blockOwnerDeletion: true })] } };
          await world.user.patch(kindOf(object), object, { type: 'merge', body }, world.ctx).catch(unlessGone);
        }
      }
      await world.clock.advance(600_000);
      for (const { metadata } of world.all()) {
        const owners = metadata.ownerReferences ?? [];
        assert.ok(owners.length === 0 || owners.some((owner) => liveOf(owner.uid)), `${metadata.name} is garbage`);
        assert.equal(metadata.deletionTimestamp, undefined, `${metadata.name} is stuck`);
      }
      assert.deepEqual(
        world.logs.filter((r) => r.level === 'error').map((r) => r.event),
        [],
      );
      await world.end();
    }),
    { numRuns: 40 },
  );
});
