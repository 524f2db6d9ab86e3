/** What the cluster says of itself. */
export { KUBERNETES_VERSION } from '@kapella/control-plane/version';

export const KAPELLA_VERSION = '0.1.0';
