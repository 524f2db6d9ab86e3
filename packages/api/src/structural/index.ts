/** Structural schemas of custom resources: pruning, defaults, validation. */
export { hasDefaults, withSchemaDefaults } from './defaults.ts';
export { checkEmbedded, coerceEmbedded, hasEmbedded, type ReadMetadata } from './embedded.ts';
export { stringFormat } from './formats.ts';
export { checkListTypes } from './list-types.ts';
export { type Pruned, pruneObject } from './prune.ts';
export {
  eachSchema,
  isPlainObject,
  itemsOf,
  type JsonSchema,
  META_FIELDS,
  type PlainObject,
  propertyOf,
  valuesOf,
} from './schema.ts';
export { compileSchema, UNCORRELATED, type ValueCheck } from './validate.ts';
export { checkStructuralSchema } from './check-schema.ts';
