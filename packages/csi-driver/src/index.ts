/** @kapella/csi-driver: a CSI driver whose volumes are files on the node, each behind a loop device. */
export { createControllerService } from './controller-service.ts';
export * from './images.ts';
export { createIdentityService } from './identity-service.ts';
export { createNodeService, type NodeHost } from './node-service.ts';
