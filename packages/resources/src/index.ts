/** @kapella/resources: one table per built-in kind. A kind that is served is a row in src/table.ts. */
export {
  createServiceAllocator,
  type IpFamilyName,
  type ServiceAllocator,
  type ServiceAllocatorOptions,
} from './core/service/service-allocator.ts';
export type { BoundObject, TokenIssuer } from './core/serviceaccount/serviceaccount.resource.ts';
export { resources } from './table.ts';
export type { TokenAuthenticator } from './authentication/tokenreview/tokenreview.resource.ts';
export type { AccessAuthorizer, AccessQuestion } from './authorization/access-review.ts';
