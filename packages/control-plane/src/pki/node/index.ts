/** @kapella/control-plane/node: certificates and kubeconfigs of a cluster. */
export * from './certificates.ts';
export * from './kubeconfig.ts';
