/** @kapella/cel: the Common Expression Language with Kubernetes' libraries, as 1.36 has them. */
export { escapeField, typeOfSchema } from './check/schema-type.ts';
export {
  BOOL,
  BYTES,
  type CelField,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  formatType,
  INT,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  STRING,
  TIMESTAMP,
} from './check/types.ts';
export {
  COST_BUDGET,
  COST_BUDGET_MATCH_CONDITIONS,
  COST_PER_CALL_MAX,
  type Compiled,
  compileExpression,
  type CompileOptions,
  type Program,
} from './environment.ts';
export { REQUEST_BYTES_MAX, sizeAt, type SizeNode, sizesOf } from './cost/sizes.ts';
export { CONDITION_TYPES, policyTypes } from './environments/admission.ts';
export { toJson } from './evaluate/to-json.ts';
export {
  AUTHORIZER,
  type AuthorizerAnswer,
  type AuthorizerCheck,
  authorizerValue,
  type CelAuthorizer,
  RESOURCE_CHECK,
  resourceCheckValue,
} from './functions/authorizer.ts';
export { usesField } from './syntax/uses-field.ts';
export { CelError, CelList, CelMap, CelOptional, type CelValue, fromJson, NONE } from './values/values.ts';
