/** @kapella/csi: the Container Storage Interface as both sides see it; gRPC is under `./node`. */
export * from './csi-error.ts';
export * from './node-service.ts';
export * from './locks.ts';
