/** A volume belongs to one claim, and a claim stays while a Pod uses it. */
import type { UnknownObject } from '@kapella/api';
import { type Checker, isFinished, nameOf } from './checker.ts';

export const oneClaimPerVolume: Checker = {
  name: 'one-claim-per-volume',
  watch(world) {
    world.truth.onChange(({ kind, next }) => {
      const volume = kind === 'PersistentVolumeClaim' ? next?.spec?.volumeName : undefined;
      if (!volume || next === undefined) return;
      const same = world.truth
        .list('PersistentVolumeClaim')
        .filter((claim) => claim.spec?.volumeName === volume && claim.status?.phase === 'Bound');
      if (same.length > 1)
        world.violate('one-claim-per-volume', `${volume} is bound to ${same.map(nameOf).join(' and ')}`);
    });
  },
};

export const claimsKept: Checker = {
  name: 'claim-kept-while-used',
  watch(world) {
    world.truth.onChange(({ kind, next, old }) => {
      if (kind !== 'PersistentVolumeClaim' || next !== undefined || old === undefined) return;
      const user = world.truth
        .list('Pod', old.metadata.namespace)
        .find((pod) => !isFinished(pod) && pod.spec?.nodeName !== undefined && uses(pod, old.metadata.name ?? ''));
      if (user !== undefined)
        world.violate('claim-kept-while-used', `${nameOf(old)} went, and ${nameOf(user)} uses it`);
    });
  },
};

function uses({ spec }: UnknownObject, claim: string): boolean {
  const volumes = (spec?.volumes ?? []) as readonly { persistentVolumeClaim?: { claimName: string } }[];
  return volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claim);
}
