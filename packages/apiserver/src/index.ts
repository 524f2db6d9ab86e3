/** @kapella/apiserver: the generic server. It knows no kind: resources bring the tables, admission the plugins. */
export * from './admission.ts';
export * from './auth/authenticate.ts';
export * from './auth/authorize.ts';
export * from './auth/contract.ts';
export * from './discovery/routes.ts';
export * from './in-memory-transport.ts';
export * from './metrics/registry.ts';
export type { AnyDefinition, ResourceType } from './registry/resource-type.ts';
export * from './resource.ts';
export { SERVER_USER } from './server/access.ts';
export type { ConnectDialer } from './server/connect-handlers.ts';
export { type ApiServer, type ApiServerOptions, createApiServer } from './server/server.ts';
export { RBAC_POLICY } from './bootstrap/rbac-policy.gen.ts';
export { createRbacEscalationPlugin } from './auth/rbac/escalation.plugin.ts';
export { createNodeAuthorizer, nodeNameOf, type NodeAuthorizer } from './auth/node-authorizer/node-authorizer.ts';
export { createRbacAuthorizer, type RbacAuthorizer, type RbacSource } from './auth/rbac/rbac-authorizer.ts';
export { acceptsOpenApiV2Protobuf, encodeOpenApiV2, OPENAPI_V2_PROTOBUF } from './discovery/openapi-v2-proto.ts';
