/** @kapella/client: transports, typed client, informer cache, work queue, leader election. */
export * from './client.ts';
export * from './transport.ts';
