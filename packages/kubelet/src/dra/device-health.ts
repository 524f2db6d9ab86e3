/** How the devices of claims are, as their drivers say. Source: kubernetes pkg/kubelet/cm/dra (healthinfo.go, manager.go). */
import type { Pod, ResourceHealth, ResourceStatus } from '@kapella/api/types/core-v1';
import type { AnyContainer } from '../lifecycle/observed.ts';
import { claimsOfPod, isOfRequest, type PreparedClaim } from './claims.ts';

const HEALTH_MS = 30_000; // of a driver that sets no time itself

export interface DeviceHealth {
  readonly poolName: string;
  readonly deviceName: string;
  readonly health: 'Healthy' | 'Unhealthy' | 'Unknown';
  /** '' = nothing more is known. */
  readonly message: string;
  /** The word holds that long; 0 = 30 s. */
  readonly timeoutSeconds: number;
}

interface Known {
  readonly health: DeviceHealth;
  readonly untilMs: number;
}

export interface HealthBook {
  /** Answers when the shortest of these words ends, milliseconds from now. */
  take(driver: string, devices: readonly DeviceHealth[], nowMs: number): number;
  /** `allocatedResourcesStatus` of a container, for its claims. */
  statusOf(
    pod: Pod,
    container: AnyContainer,
    claims: readonly PreparedClaim[],
    nowMs: number,
  ): readonly ResourceStatus[];
}

export function createHealthBook(): HealthBook {
  const known = new Map<string, Known>();
  const keyOf = (driver: string, pool: string, device: string) => `${driver}/${pool}/${device}`;

  function healthOf(key: string, nowMs: number): Pick<ResourceHealth, 'health' | 'message'> {
    const found = known.get(key);
    if (found === undefined || found.untilMs <= nowMs) return { health: 'Unknown' };
    const { health, message } = found.health;
    return { health, ...(message === '' ? {} : { message }) };
  }

  return {
    take(driver, devices, nowMs) {
      const lifetimes = devices.map((health) => {
        const lifeMs = health.timeoutSeconds > 0 ? health.timeoutSeconds * 1000 : HEALTH_MS;
        known.set(keyOf(driver, health.poolName, health.deviceName), { health, untilMs: nowMs + lifeMs });
        return lifeMs;
      });
      return Math.min(HEALTH_MS, ...lifetimes);
    },
    statusOf(pod, container, claims, nowMs) {
      const names = new Map(claimsOfPod(pod).map(({ name, claimName }) => [name, claimName]));
      return (container.resources?.claims ?? []).flatMap(({ name, request = '' }) => {
        const claim = claims.find((one) => one.name === names.get(name) && one.namespace === pod.metadata.namespace);
        const resources = claim === undefined ? [] : devicesOf(claim, request, nowMs);
        return resources.length === 0
          ? []
          : [{ name: `claim:${request === '' ? name : `${name}/${request}`}`, resources }];
      });
    },
  };

  /** Each once, though two devices may have the same name for the runtime. */
  function devicesOf({ devices }: PreparedClaim, request: string, nowMs: number): readonly ResourceHealth[] {
    const base = request.split('/', 1)[0] ?? '';
    const found = new Map<string, ResourceHealth>();
    for (const [driver, list] of Object.entries(devices)) {
      for (const device of list.filter((one) => isOfRequest(one, base))) {
        const key = keyOf(driver, device.poolName, device.deviceName);
        const resourceID = device.cdiDeviceIds[0] ?? key;
        if (!found.has(resourceID)) found.set(resourceID, { resourceID, ...healthOf(key, nowMs) });
      }
    }
    return [...found.values()];
  }
}
