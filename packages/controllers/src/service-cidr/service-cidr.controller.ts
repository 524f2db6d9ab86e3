/** Lets ServiceCIDRs be used, and go when no Service needs them. Source: as plan-service-cidr.ts. */
import { networkingV1, parseIp } from '@kapella/api';
import type { IPAddress, ServiceCIDR } from '@kapella/api/types/networking-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { contains, hasAddress, networksOf, planServiceCidr } from './plan-service-cidr.ts';

export function createServiceCidrController({ cache, client }: ControllerDeps): Controller {
  const kind = networkingV1.ServiceCIDR;
  const having = (address: IPAddress) => {
    const ip = parseIp(address.metadata.name);
    const isIn = (cidr: ServiceCIDR) => networksOf(cidr).some((network) => hasAddress(network, ip?.bytes ?? NO_BYTES));
    return ip === undefined ? [] : cache.list(kind).filter(isIn).map(nameOf);
  };
  const overlapping = (given: ServiceCIDR) => {
    const own = networksOf(given);
    const meets = (cidr: ServiceCIDR) =>
      networksOf(cidr).some((a) => own.some((b) => contains(a, b) || contains(b, a)));
    return cache.list(kind).filter(meets).map(nameOf);
  };
  return defineController({
    name: 'service-cidr-controller',
    primary: kind,
    watches: [
      // Only a network that is to go cares who goes.
      { kind: networkingV1.IPAddress, keysOf: (address, _old, deleted) => (deleted ? having(address) : []) },
      { kind, keysOf: overlapping },
    ],
    async reconcile(name, ctx) {
      const cidr = cache.get(kind, name);
      if (cidr === undefined) return {};
      const isGoing = cidr.metadata.deletionTimestamp !== undefined;
      const addresses = isGoing ? cache.list(networkingV1.IPAddress) : [];
      const { finalizers, status, againMs } = planServiceCidr(cidr, cache.list(kind), addresses, ctx.clock.nowMs());
      let present = cidr;
      if (finalizers !== undefined) {
        const metadata = { ...cidr.metadata, finalizers };
        present = await client.update(kind, { ...cidr, metadata }, ctx);
      }
      if (status !== undefined) await client.patchStatus(kind, present, status, ctx);
      return againMs === undefined ? {} : { requeueAfterMs: againMs };
    },
  });
}

const NO_BYTES = new Uint8Array(16);
const nameOf = ({ metadata }: ServiceCIDR) => metadata.name;
