/** @kapella/control-plane: API server, scheduler and controllers put together. Host-free: what touches a machine is given. */
export { type ApiParts, assembleApiServer } from './assemble.ts';
export type { AuthorizationMode, AuthorizationParts } from './authorization.ts';
export type { AuthenticationParts } from './authentication.ts';
export type { AuditMode, AuditParts, BackendParts } from './audit.ts';
export { bootstrapCluster, keepBootstrapped } from './bootstrap/bootstrap.ts';
export { NODE_NETWORK_GROUP } from './bootstrap/groups.ts';
export type { BootstrapFacts } from './bootstrap/objects.ts';
export * from './control-plane.ts';
export type { ServerLimits, ShutdownOptions } from './limits.ts';
export type { Profiler } from './debug.ts';
export { runIdentity, type RunningIdentity, type ServerIdentity } from './identity.ts';
export { BOOTSTRAP_HOOKS, IDENTITY_HOOKS } from './start-hooks.ts';
export { servedResources } from './resources.ts';
export { type RemoteSource, type RouteOptions, standardRoutes } from './routes.ts';
export { createServices, type ServiceParts } from './services.ts';
export { KUBERNETES_VERSION } from './version.ts';
