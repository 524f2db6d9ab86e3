/** @kapella/controller/node: what an operator needs of its host. */
export { serveWebhooks, type WebhookServerOptions } from './webhook-server.ts';
