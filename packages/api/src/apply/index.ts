/** Server-side apply and managedFields. */
export {
  type ApplyRequest,
  type ApplyResult,
  createFieldManager,
  type FieldManager,
  type ObjectType,
  type UpdateRequest,
} from './field-manager.ts';
export { type Fields, parseFields } from './fields.ts';
export { LAST_APPLIED_ANNOTATION } from './last-applied.ts';
export { managedFieldsProblem, managerName, withoutNoopTimes } from './request.ts';
export { parentManagedFields, type ScaleMapping, scaleManagedFields } from './scale.ts';
export { mergeObjects } from './merge.ts';
export { ApplySchema, type ApplyType, DEDUCED_TYPE } from './schema.ts';
export { applyTypeOfStructuralSchema, type StructuralSchema } from './structural-schema.ts';
