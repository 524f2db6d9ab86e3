/** Announces the driver to the node agent, as the sidecar node-driver-registrar does for others. */
import { join } from 'node:path';
import { type CsiServer, loadProto, serveCsi } from '@kapella/csi/node';
import type { Logger } from '@kapella/base';
import { DRIVER_NAME } from '../images.ts';

/** `registryDir`: the agent's `plugins_registry`. `endpoint`: the driver's socket, as the agent sees it. */
export async function announce(registryDir: string, endpoint: string, log: Logger): Promise<CsiServer> {
  const info = { type: 'CSIPlugin', name: DRIVER_NAME, endpoint, supportedVersions: ['1.0.0'] };
  const handlers = {
    Registration: {
      getInfo: () => info,
      notifyRegistrationStatus({ pluginRegistered, error }: { pluginRegistered: boolean; error: string }) {
        if (pluginRegistered) log.info('driver registered', { driver: DRIVER_NAME });
        else log.error('node agent refuses the driver', { driver: DRIVER_NAME, error });
        return {};
      },
    },
  };
  const definition = loadProto('./registration.proto').pluginregistration;
  return await serveCsi(join(registryDir, `${DRIVER_NAME}-reg.sock`), handlers, definition);
}
