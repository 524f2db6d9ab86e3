/** The operator on a real cluster: KUBECONFIG, one leader of several, webhooks where TLS_CERT, TLS_KEY and WEBHOOK_URL are set. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { apiextensionsV1 } from '@kapella/api';
import { createJsonLogger, hostCtx } from '@kapella/base/node';
import { createCache, createClient, createEventRecorder, runAsLeader } from '@kapella/client';
import { createHttpsTransport, loadKubeconfig } from '@kapella/client/node';
import { registerWebhooks, runControllers, slowStart } from '@kapella/controller';
import { serveWebhooks } from '@kapella/controller/node';
import { createRedisController } from './controller.ts';
import { redis } from './redis.ts';
import { webhooks } from './webhooks.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort(new Error(`got ${signal}`)));
const ctx = hostCtx(
  stop.signal,
  createJsonLogger('info', (line) => process.stderr.write(line)),
);

const { KUBECONFIG = '', TLS_CERT, TLS_KEY, WEBHOOK_URL } = process.env;
const { transport } = await loadKubeconfig(KUBECONFIG);
const client = createClient(createHttpsTransport(transport), { userAgent: 'redis-operator/1.0' });
const owner = { fieldManager: 'redis-operator', force: true };
const { definition } = redis;
await client.patch(
  apiextensionsV1.CustomResourceDefinition,
  definition,
  { type: 'apply', body: definition },
  ctx,
  owner,
);

if (TLS_CERT !== undefined && TLS_KEY !== undefined && WEBHOOK_URL !== undefined) {
  const certificate = readFileSync(TLS_CERT, 'utf8');
  await serveWebhooks({ webhooks, port: 9443, certificate, privateKey: readFileSync(TLS_KEY, 'utf8') }, ctx);
  const caBundle = Buffer.from(certificate).toString('base64');
  await registerWebhooks(webhooks, ({ name }) => ({ url: `${WEBHOOK_URL}/${name}`, caBundle }), client, ctx);
}

const lease = { namespace: 'default', name: 'redis-operator', identity: `${hostname()}_${ctx.random.uuid()}` };
await runAsLeader(
  client,
  lease,
  async (leading) => {
    const cache = createCache(client);
    const events = createEventRecorder(client, { component: 'redis-operator' }, leading);
    const controller = createRedisController({ cache, client, events, batch: slowStart });
    await Promise.all([events.run(leading), runControllers([controller], { cache }, leading)]);
  },
  ctx,
);
await client.transport.close();
