/** Asks validating webhooks, all at once. Source: apiserver/pkg/admission/plugin/webhook/validating. */
import { admissionregistrationV1 } from '@kapella/api';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { webhooksOf } from '../../webhooks/configuration.ts';
import { askWebhook, formFor } from '../../webhooks/dispatch.ts';

/** For the audit log: whose failure was passed over. */
const FAILED_OPEN = 'failed-open.validating.webhook.admission.k8s.io/';

export const validatingAdmissionWebhook: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  handles: () => true,
  isIdle: (_, server) => server.isEmpty(admissionregistrationV1.ValidatingWebhookConfiguration),

  async validate(request, server, ctx) {
    const webhooks = await webhooksOf(admissionregistrationV1.ValidatingWebhookConfiguration, server);
    if (webhooks.length === 0) return;
    const calls = webhooks.map(async (webhook, index) => {
      const form = await formFor(webhook, request, server, ctx);
      if (form === undefined) return;
      const answer = await askWebhook(webhook, request, form, false, server, ctx);
      if (answer === undefined) request.annotate?.(`${FAILED_OPEN}round_0_index_${index}`, webhook.hook.name);
    });
    // All are heard, and the first refusal in order is told.
    const refused = (await Promise.allSettled(calls)).find((result) => result.status === 'rejected');
    if (refused !== undefined) throw refused.reason;
  },
};
