/** @kapella/testing: a whole cluster inside a test, in any test runner. */
export * from '@kapella/api';
export { ApiError, type Ctx, isReason, type LogRecord } from '@kapella/base';
export type { Client, Transport } from '@kapella/client';
export * from '@kapella/controller';
export {
  ANNOTATION_PREFIX,
  durationMs,
  type Fault,
  type Fleet,
  type HollowBehaviour,
  type HollowNode,
  type HollowNodeOptions,
  type Network,
  NetworkError,
} from '@kapella/simulator';
export * from '../options.ts';
export { startTestCluster } from './start-test-cluster.ts';
