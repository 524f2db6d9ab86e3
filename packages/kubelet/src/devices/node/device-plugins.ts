/** Device plugins over gRPC: the socket where they register, and the calls to them. Source: devicemanager/plugin/v1beta1. */
import * as fs from 'node:fs/promises';
import * as grpc from '@grpc/grpc-js';
import { type Ctx, describeError } from '@kapella/base';
import { createGrpcService, loadProto, type Wire } from '../../cri/node/grpc.ts';
import type { ContainerGrants } from '../../grants/grants.ts';
import {
  type DeviceManager,
  type DevicePluginClient,
  isExtendedResource,
  type PluginDevice,
} from '../device-manager.ts';

const VERSION = 'v1beta1';
const SOCKET = 'kubelet.sock';
const ALLOCATE_MS = 60_000; // plugins may set hardware up
const CALL_MS = 10_000;
const HEALTHY = 'Healthy';

/** Takes registrations from when it resolves until `ctx` aborts. Plugins see the socket made anew and register again. */
export async function openDevicePluginSocket(dir: string, manager: DeviceManager, ctx: Ctx): Promise<void> {
  await fs.mkdir(dir, { recursive: true, mode: 0o750 });
  // Of plugins that have registered with an earlier agent: each comes back with a socket of its own.
  for (const name of await fs.readdir(dir)) {
    if (name.endsWith('.sock')) await fs.rm(`${dir}/${name}`, { force: true });
  }
  const api = loadProto('./deviceplugin.proto', import.meta.url) as Wire;
  const server = new grpc.Server();
  server.addService(api.v1beta1.Registration.service, {
    register(call: Wire, done: (error: object | null, answer?: object) => void) {
      register(call.request, dir, api, manager, ctx).then(
        () => done(null, {}),
        (error: unknown) => done({ code: grpc.status.UNKNOWN, details: describeError(error) }),
      );
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${dir}/${SOCKET}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  if (ctx.signal.aborted) server.forceShutdown();
  ctx.signal.addEventListener('abort', () => server.forceShutdown(), { once: true });
}

async function register(request: Wire, dir: string, api: Wire, manager: DeviceManager, ctx: Ctx): Promise<void> {
  const { version, endpoint, resourceName } = request as Record<string, string>;
  if (version !== VERSION) {
    throw new Error(
      `requested API version "${version}" is not supported by kubelet. Supported version is "${VERSION}"`,
    );
  }
  if (!isExtendedResource(resourceName ?? '')) throw new Error(`the ResourceName "${resourceName}" is invalid`);
  if (!/^[^/]+$/.test(endpoint ?? '')) throw new Error(`the endpoint "${endpoint}" is no name of a socket`);
  ctx.log.info('device plugin registered', { resource: resourceName, endpoint });
  manager.add(resourceName as string, connect(`${dir}/${endpoint}`, request.options ?? {}, api), ctx);
}

function connect(socket: string, options: Wire, api: Wire): DevicePluginClient {
  const service = createGrpcService(api.v1beta1.DevicePlugin, socket);
  return {
    preStartRequired: options.preStartRequired === true,
    hasPreference: options.getPreferredAllocationAvailable === true,
    watch(onDevices, ctx) {
      const onData = ({ devices }: Wire) => onDevices(devices.map(deviceOf));
      return service.serverStream('ListAndWatch', {}, {}, onData, ctx);
    },
    async preferred(available, must, count, ctx) {
      const one = { availableDeviceIDs: available, mustIncludeDeviceIDs: must, allocationSize: count };
      const answer = await service.unary('GetPreferredAllocation', { containerRequests: [one] }, CALL_MS, ctx);
      return answer.containerResponses?.[0]?.deviceIDs ?? [];
    },
    async allocate(ids, ctx) {
      const answer = await service.unary('Allocate', { containerRequests: [{ devicesIds: ids }] }, ALLOCATE_MS, ctx);
      return grantsOf(answer.containerResponses?.[0] ?? {});
    },
    async preStart(ids, ctx) {
      await service.unary('PreStartContainer', { devicesIds: ids }, ALLOCATE_MS, ctx);
    },
    close: () => service.close(),
  };
}

const deviceOf = ({ ID, health, topology }: Wire): PluginDevice => ({
  id: ID,
  healthy: health === HEALTHY,
  nodes: (topology?.nodes ?? []).map((node: Wire) => Number(node.ID ?? 0)),
});

function grantsOf(answer: Wire): Partial<ContainerGrants> {
  return {
    envs: answer.envs ?? {},
    annotations: answer.annotations ?? {},
    mounts: (answer.mounts ?? []).map((mount: Wire) => ({
      containerPath: mount.containerPath,
      hostPath: mount.hostPath,
      readonly: mount.readOnly,
      propagation: 'PROPAGATION_PRIVATE',
    })),
    devices: (answer.devices ?? []).map(({ containerPath, hostPath, permissions }: Wire) => ({
      ...{ containerPath, hostPath, permissions },
    })),
    cdiDevices: (answer.cdiDevices ?? []).map(({ name }: Wire) => name),
  };
}
