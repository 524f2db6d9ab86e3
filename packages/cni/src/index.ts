/** @kapella/cni: Pod networking of one node. Pure parts; @kapella/cni/node does it. */
export * from './backend.ts';
export * from './backends/index.ts';
export * from './cidr.ts';
export * from './masquerade.ts';
export * from './plan-cleanup.ts';
export * from './plan-leaks.ts';
export * from './plan-routes.ts';
export * from './plan-tunnel.ts';
export * from './render-tunnel.ts';
