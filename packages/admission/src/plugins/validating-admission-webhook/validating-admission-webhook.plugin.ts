/** Asks validating webhooks, all at once. Source: apiserver/pkg/admission/plugin/webhook/validating. */
import { admissionregistrationV1 } from '@kapella/api';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { webhooksOf } from '../../webhooks/configuration.ts';
import { askWebhook, formFor } from '../../webhooks/dispatch.ts';

export const validatingAdmissionWebhook: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  handles: () => true,

  async validate(request, server, ctx) {
    const webhooks = await webhooksOf(admissionregistrationV1.ValidatingWebhookConfiguration, server);
    if (webhooks.length === 0) return;
    const calls = webhooks.map(async (webhook) => {
      const form = await formFor(webhook, request, server, ctx);
      if (form !== undefined) await askWebhook(webhook, request, form, false, server, ctx);
    });
    // All are heard, and the first refusal in order is told.
    const refused = (await Promise.allSettled(calls)).find((result) => result.status === 'rejected');
    if (refused !== undefined) throw refused.reason;
  },
};
