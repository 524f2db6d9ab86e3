/** @kapella/proxy: Services -> rules on one node. */
export * from './backend.ts';
export { type BackendName, proxyBackends } from './backends/index.ts';
export * from './endpoints.ts';
export * from './model.ts';
export { planHostPorts } from './plan-host-ports.ts';
export { isProxied, planService } from './plan-service.ts';
export * from './render-nft.ts';
export * from './rule-table.ts';
export * from './run-proxy.ts';
