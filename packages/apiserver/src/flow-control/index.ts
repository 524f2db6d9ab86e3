/** API priority and fairness, for whoever puts a server together. */
export { dumpPriorityLevels, dumpQueues, dumpRequests } from './dump.ts';
export { createFlowControl, type FlowControl, type FlowControlOptions } from './flow-control.ts';
export {
  AUTO_UPDATE_SPEC,
  MANDATORY_LEVELS,
  MANDATORY_SCHEMAS,
  SUGGESTED_LEVELS,
  SUGGESTED_SCHEMAS,
} from './objects.ts';
export { requiredEntropyBits } from './shuffle.ts';
