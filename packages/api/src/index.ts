/** @kapella/api: what the Kubernetes API is made of. Types by group and version, facts about them, algorithms on them. */
export * from './meta.ts';
export * from './schema.ts';
export * from './gen/kinds.gen.ts';
export * from './quantity/index.ts';
export * from './facts/index.ts';
export * from './names/index.ts';
export * from './selectors/index.ts';
export * from './intorstring/index.ts';
export * from './decode/index.ts';
export * from './patch/index.ts';
export * from './protobuf/index.ts';
export * from './openapi/index.ts';
export * from './apply/index.ts';
export * from './structural/index.ts';
export * from './bootstrap-token/bootstrap-token.ts';
export * from './legacy-token/legacy-token.ts';
