/** Facts about the built-in types and resources, decoded lazily from the generated tables. */
export type { ResourceFact, SubresourceFact } from './resource-facts.ts';
export { createResourceFacts } from './resource-facts.ts';
export type { BuiltInTypeFacts, GroupVersionKind } from './type-facts.ts';
export { createTypeFacts } from './type-facts.ts';
