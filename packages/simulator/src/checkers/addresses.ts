/** No two things that are there have one address. */
import type { UnknownObject } from '@kapella/api';
import type { World } from '../sim/world.ts';
import { type Checker, isFinished, isGoing, nameOf } from './checker.ts';

export const addressesUnique: Checker = {
  name: 'addresses-unique',
  watch(world) {
    const pods = new Map<string, UnknownObject>();
    const services = new Map<string, UnknownObject>();
    world.truth.onChange(({ kind, next, old }) => {
      if (kind === 'Pod') hold(world, pods, next, old, podIp);
      if (kind === 'Service') hold(world, services, next, old, clusterIp);
    });
  },
};

/** Keeps the holder of each address; one that is taken already is a violation. */
function hold(
  world: World,
  holders: Map<string, UnknownObject>,
  next: UnknownObject | undefined,
  old: UnknownObject | undefined,
  addressOf: (object: UnknownObject) => string | undefined,
): void {
  const before = old === undefined ? undefined : addressOf(old);
  if (before !== undefined && holders.get(before)?.metadata.uid === old?.metadata.uid) holders.delete(before);
  const address = next === undefined ? undefined : addressOf(next);
  if (address === undefined || next === undefined) return;
  const other = holders.get(address);
  if (other !== undefined && other.metadata.uid !== next.metadata.uid)
    world.violate('addresses-unique', `${nameOf(next)} has ${address}, as ${nameOf(other)} has`);
  holders.set(address, next);
}

const podIp = (pod: UnknownObject): string | undefined =>
  isFinished(pod) || isGoing(pod) || pod.spec?.hostNetwork === true ? undefined : pod.status?.podIP;

const clusterIp = ({ spec }: UnknownObject): string | undefined =>
  spec?.clusterIP === 'None' || spec?.clusterIP === '' ? undefined : spec?.clusterIP;
