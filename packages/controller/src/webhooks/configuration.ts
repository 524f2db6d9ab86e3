/** The objects that register webhooks with the API server. */
import { admissionregistrationV1 } from '@kapella/api';
import type { WebhookClientConfig } from '@kapella/api/types/admissionregistration-v1';
import type { Ctx } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { Webhook } from './webhook.ts';

const { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } = admissionregistrationV1;

/** One configuration object a webhook, of the webhook's name. `clientConfigOf`: where the server finds it. */
export function webhookConfiguration(webhook: Webhook, clientConfig: WebhookClientConfig) {
  const { name, rules, failurePolicy } = webhook;
  const hook = {
    name,
    rules,
    failurePolicy,
    clientConfig,
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  } as const;
  return { metadata: { name }, webhooks: [hook] };
}

/** Creates or replaces the configurations of all `webhooks`. */
export async function registerWebhooks(
  webhooks: readonly Webhook[],
  clientConfigOf: (webhook: Webhook) => WebhookClientConfig,
  client: Client,
  ctx: Ctx,
): Promise<void> {
  const options = { fieldManager: 'webhooks', force: true };
  for (const webhook of webhooks) {
    const body = webhookConfiguration(webhook, clientConfigOf(webhook));
    const kind = webhook.type === 'mutating' ? MutatingWebhookConfiguration : ValidatingWebhookConfiguration;
    await client.patch<unknown>(kind, { name: webhook.name }, { type: 'apply', body }, ctx, options);
  }
}
