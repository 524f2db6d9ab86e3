/** Who the driver is and what it can. Source: CSI specification, Identity Service RPC. */
import { DRIVER_NAME, DRIVER_VERSION } from './images.ts';

export function createIdentityService() {
  const services = ['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS'].map((type) => ({ service: { type } }));
  return {
    getPluginInfo: () => ({ name: DRIVER_NAME, vendorVersion: DRIVER_VERSION }),
    getPluginCapabilities: () => ({ capabilities: [...services, { volumeExpansion: { type: 'ONLINE' } }] }),
    probe: () => ({ ready: { value: true } }),
  };
}
