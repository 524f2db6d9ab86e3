/** The CSI drivers that have registered at this node. Source: kubernetes pkg/volume/csi/csi_plugin.go, csi_drivers_store.go. */
import type { Ctx } from '@kapella/base';
import type { CsiNodeService, NodeCapability } from '@kapella/csi';
import type { PluginHandler } from '../plugins/plugin-manager.ts';
import type { CsiNodeWriter } from './csi-node.ts';

export interface RegisteredDriver {
  readonly name: string;
  readonly service: CsiNodeService;
  readonly capabilities: ReadonlySet<NodeCapability>;
}

export interface CsiDrivers extends PluginHandler {
  /** Throws with upstream's text when there is none. */
  get(name: string): RegisteredDriver;
  find(name: string): RegisteredDriver | undefined;
  /** Called after each registration. One listener. */
  onRegistered(fn: (name: string) => void): void;
}

/** `1.x` is spoken; what claims 0.x or 2.x is not. */
export function isSpoken(versions: readonly string[]): boolean {
  return versions.some((version) => /^v?1(\.\d+){0,2}$/.test(version));
}

export function createCsiDrivers(writer: CsiNodeWriter, connect: (endpoint: string) => CsiNodeService): CsiDrivers {
  const drivers = new Map<string, RegisteredDriver & { readonly endpoint: string }>();
  let listener: (name: string) => void = () => {};
  const drop = (name: string) => {
    drivers.get(name)?.service.close();
    drivers.delete(name);
  };
  return {
    async register({ name, endpoint, supportedVersions }, ctx: Ctx) {
      if (!isSpoken(supportedVersions)) {
        throw new Error(
          `CSI driver "${name}": none of the versions ${JSON.stringify(supportedVersions)} are supported`,
        );
      }
      const service = connect(endpoint);
      try {
        const [info, capabilities] = [await service.getInfo(ctx), await service.capabilities(ctx)];
        await writer.install(name, info, ctx);
        drop(name);
        drivers.set(name, { name, service, capabilities, endpoint });
      } catch (error) {
        service.close();
        throw error;
      }
      listener(name);
    },
    async deregister({ name, endpoint }, ctx) {
      // Another instance may have taken its place: then the place stays.
      if (drivers.get(name)?.endpoint !== endpoint) return;
      drop(name);
      await writer.uninstall(name, ctx);
    },
    get(name) {
      const found = drivers.get(name);
      if (found === undefined) throw new Error(`driver name ${name} not found in the list of registered CSI drivers`);
      return found;
    },
    find: (name) => drivers.get(name),
    onRegistered(fn) {
      listener = fn;
    },
  };
}
