/** @kapella/cni/node: Pod networking on a Linux host. */
export * from './cleanup.ts';
export * from './leaks.ts';
export * from './routes.ts';
export * from './setup.ts';
export * from './tunnel.ts';
