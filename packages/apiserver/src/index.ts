/** @kapella/apiserver: the generic server. It knows no kind: resources bring the tables, admission the plugins. */
export * from './admission.ts';
export { REINVOKE } from './admission-chain.ts';
export * from './outbound/http-caller.ts';
export * from './outbound/webhook-client.ts';
export * from './outbound/kubeconfig.ts';
export * from './outbound/review-client.ts';
export * from './audit/index.ts';
export * from './auth/authenticate.ts';
export type { RequestHeaders } from './auth/request-headers.ts';
export { ConfigurationError, type ConfigurationSource } from './auth/config/reload.ts';
export { type AuthenticationConfiguration, decodeAuthenticationConfiguration } from './auth/jwt/configuration.ts';
export { SIGNING_ALGORITHMS } from './auth/jwt/signature.ts';
export * from './auth/jwt/structured.ts';
export * from './auth/authorization/abac.ts';
export {
  type AuthorizationConfiguration,
  type AuthorizerConfiguration,
  webhookWithDefaults,
} from './auth/authorization/configuration.ts';
export * from './auth/authorization/structured.ts';
export { AUTHORIZER_TYPES, type FileKind } from './auth/authorization/validate.ts';
export type { Selector, SelectorRequirement } from './auth/selectors.ts';
export { createBootstrapTokens } from './auth/tokens/bootstrap-tokens.ts';
export * from './auth/tokens/token-cache.ts';
export * from './auth/tokens/union.ts';
export * from './auth/tokens/webhook-tokens.ts';
export * from './auth/authorize.ts';
export * from './auth/contract.ts';
export { type CelMetrics, celMetrics, type PolicyCheck } from './metrics/cel-metrics.ts';
export * from './auth/service-account-tokens.ts';
export * from './auth/legacy-account-tokens.ts';
export * from './discovery/routes.ts';
export * from './flow-control/index.ts';
export * from './in-memory-transport.ts';
export * from './metrics/registry.ts';
export { followCache } from './registry/follow.ts';
export type { RequestInfo } from './http/request-info.ts';
export type { Registry } from './registry/registry.ts';
export type { AnyDefinition, ResourceType } from './registry/resource-type.ts';
export * from './resource.ts';
export { parseGoDuration } from './server/deadline.ts';
export type { Lifecycle } from './server/lifecycle.ts';
export { READS_MAX, WRITES_MAX } from './server/inflight.ts';
export { SERVER_USER } from './server/access.ts';
export type { UpgradeTarget } from './server/server.ts';
export type { ConnectDialer } from './server/connect-handlers.ts';
export { type ApiServer, type ApiServerOptions, createApiServer } from './server/server.ts';
export { RBAC_POLICY } from './bootstrap/rbac-policy.gen.ts';
export { missingRules } from './auth/rbac/covers.ts';
export type { PolicyRule } from './auth/rbac/rules.ts';
export { createRbacEscalationPlugin } from './auth/rbac/escalation.plugin.ts';
export { createNodeAuthorizer, nodeNameOf, type NodeAuthorizer } from './auth/node-authorizer/node-authorizer.ts';
export { createRbacAuthorizer, type RbacAuthorizer, type RbacSource } from './auth/rbac/rbac-authorizer.ts';
export { acceptsOpenApiV2Protobuf, encodeOpenApiV2, OPENAPI_V2_PROTOBUF } from './discovery/openapi-v2-proto.ts';
export { createNegotiator } from './http/media.ts';
export { methodNotAllowed, respondValue } from './respond/respond.ts';
