/** @kapella/client: transports, typed client, informer cache, work queue, events, leader election. */
export * from './client.ts';
export * from './transport.ts';
export { consume, createLineDecoder, errorOf, readBody } from './body.ts';
export { type ClientOptions, createClient } from './create-client.ts';
export { createCache } from './cache/cache.ts';
export { createWorkQueue, type WorkQueue, type WorkQueueOptions } from './queue/work-queue.ts';
export { createQueueMeter, type QueueMeter } from './queue/queue-metrics.ts';
export { measuredTransport } from './transports/measured.ts';
export { limitedTransport } from './transports/limited.ts';
export { type Pace, pacedTransport } from './transports/paced.ts';
export { createEventRecorder, type EventRecorderOptions, type RunningEventRecorder } from './events/recorder.ts';
export { createSeriesRecorder } from './events/series-recorder.ts';
export { type LeaderElectionOptions, runAsLeader } from './leader/leader-election.ts';
