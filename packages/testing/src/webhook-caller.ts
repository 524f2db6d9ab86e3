/** The server's way to webhooks of the same process: by URL, without a socket. */
import type { HttpCaller } from '@kapella/apiserver';
import type { Webhook } from '@kapella/controller';

const ORIGIN = 'https://webhooks.kapella.test/';

export const webhookUrl = ({ name }: Webhook): string => `${ORIGIN}${name}`;

/** `other`: asked for every other URL. */
export function createWebhookCaller(webhooks: readonly Webhook[], other: HttpCaller): HttpCaller {
  const byName = new Map(webhooks.map((webhook) => [webhook.name, webhook]));
  return async (request, ctx) => {
    if (!request.url.startsWith(ORIGIN)) return other(request, ctx);
    const name = request.url.slice(ORIGIN.length).split('?')[0] ?? '';
    const webhook = byName.get(name);
    if (webhook === undefined) throw new Error(`no webhook ${name} was given to startTestCluster`);
    const body = await webhook.serve(request.body ?? new Uint8Array(), ctx);
    return { status: 200, headers: { 'content-type': 'application/json' }, body };
  };
}
