/** A DRA driver on this node, over gRPC. Source: k8s.io/kubelet pkg/apis/dra. */
import { createGrpcService, loadProto, type Wire } from '../../cri/node/grpc.ts';
import type { PluginInfo } from '../../plugins/plugin-manager.ts';
import type { ClaimName, DraDriverClient } from '../dra-manager.ts';
import type { DeviceHealth } from '../device-health.ts';

const CALL_MS = 45_000; // upstream's default
const VERSIONS = ['v1', 'v1beta1'] as const;
const HEALTH = 'v1alpha1.DRAResourceHealth';
const WORDS: Readonly<Record<string, DeviceHealth['health']>> = { HEALTHY: 'Healthy', UNHEALTHY: 'Unhealthy' };

/** Throws when none of its versions is spoken. */
export function connectDraDriver({ name, endpoint, supportedVersions }: PluginInfo): DraDriverClient {
  const version = VERSIONS.find((one) => supportedVersions.includes(`${one}.DRAPlugin`));
  if (version === undefined) {
    const text = JSON.stringify(supportedVersions);
    throw new Error(`DRA driver "${name}": none of the versions ${text} are supported`);
  }
  const api = loadProto(`./dra-${version}.proto`, import.meta.url) as Wire;
  const service = createGrpcService(api.k8s.io.kubelet.pkg.apis.dra[version].DRAPlugin, endpoint);
  const call = async (method: string, claim: ClaimName, ctx: Parameters<DraDriverClient['prepare']>[1]) => {
    const answer = await service.unary(method, { claims: [claim] }, CALL_MS, ctx).catch((cause: unknown) => {
      throw new Error(`${method}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    });
    const own = answer.claims?.[claim.uid];
    if (own === undefined) throw new Error(`${method} skipped 1 ResourceClaims`);
    if (own.error) throw new Error(`${method} failed for ResourceClaim ${claim.name}: ${own.error}`);
    return own;
  };
  return {
    async prepare(claim, ctx) {
      const { devices = [] } = await call('NodePrepareResources', claim, ctx);
      return devices.map(({ requestNames, poolName, deviceName, cdiDeviceIds }: Wire) => ({
        ...{ requestNames, poolName, deviceName, cdiDeviceIds },
      }));
    },
    async unprepare(claim, ctx) {
      await call('NodeUnprepareResources', claim, ctx);
    },
    ...(supportedVersions.includes(HEALTH) ? { watchHealth: healthWatch(endpoint) } : {}),
    close: () => service.close(),
  };
}

function healthWatch(endpoint: string): NonNullable<DraDriverClient['watchHealth']> {
  return async (onHealth, ctx) => {
    const api = loadProto('./dra-health.proto', import.meta.url) as Wire;
    const service = createGrpcService(api.v1alpha1.DRAResourceHealth, endpoint);
    const onData = ({ devices = [] }: Wire) => onHealth(devices.map(healthOf));
    await service.serverStream('NodeWatchResources', {}, {}, onData, ctx).finally(() => service.close());
  };
}

function healthOf({ device, health, message, healthCheckTimeoutSeconds }: Wire): DeviceHealth {
  const { poolName, deviceName } = device as Record<string, string>;
  return {
    ...{ poolName: poolName ?? '', deviceName: deviceName ?? '', message: message ?? '' },
    health: WORDS[String(health)] ?? 'Unknown',
    timeoutSeconds: Number(healthCheckTimeoutSeconds ?? 0),
  };
}
