/** OpenAPI and discovery documents, built from the facts for the resources that a server has. */
export type { DescriptionTable } from './descriptions.ts';
export { createDescriptions } from './descriptions.ts';
export type { DiscoveryGroup } from './discovery.ts';
export {
  aggregatedDiscoveryDocument,
  apiGroupDocument,
  apiGroupListDocument,
  apiResourceListDocument,
  apiVersionsDocument,
  compareVersions,
  groupResources,
  type Priorities,
  type PrioritiesOf,
} from './discovery.ts';
export type { OpenApiOptions } from './documents.ts';
export { buildOpenApiV2, buildOpenApiV3, buildOpenApiV3Root } from './documents.ts';
export type { OpenApiResource } from './resource.ts';
export type { Descriptions } from './schemas.ts';
