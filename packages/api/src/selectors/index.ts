/** Label and field selectors. */
export * from './field-selector.ts';
export * from './label-selector.ts';
export { createRequirement, type Labels, Requirement, SelectorError, type SelectorOperator } from './requirement.ts';
