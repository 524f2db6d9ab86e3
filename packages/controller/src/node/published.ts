/** What @kapella/controller is when it is installed: the library with all that it stands on. */
export * from '@kapella/api';
export { ApiError, type Ctx, createLogger, formatTime, isReason, type Logger, parseTime, sleep } from '@kapella/base';
export { createJsonLogger, hostCtx } from '@kapella/base/node';
export {
  type Cache,
  type Client,
  createCache,
  createClient,
  createEventRecorder,
  type EventRecorder,
  type Informer,
  type LeaderElectionOptions,
  runAsLeader,
  type Transport,
} from '@kapella/client';
export { createHttpsTransport, loadKubeconfig } from '@kapella/client/node';
export * from '../index.ts';
export { serveWebhooks, type WebhookServerOptions } from './webhook-server.ts';
