/**
 * The driver as a program:
 *   main.ts --data-dir DIR --node NAME --socket PATH [--registry DIR] [--kubeconfig FILE]
 * With a registry it announces itself to the node agent; with a kubeconfig it also does what sidecars do for other drivers.
 */
import { parseArgs } from 'node:util';
import { storageV1 } from '@kapella/api';
import { createLogger, type Ctx, describeError, isReason } from '@kapella/base';
import { hostClock, hostRandom } from '@kapella/base/node';
import { type Client, createClient } from '@kapella/client';
import { createHttpsTransport, loadKubeconfig } from '@kapella/client/node';
import { CSI_DRIVER, STORAGE_CLASS } from '../companion/objects.ts';
import { runCompanion } from '../companion/run-companion.ts';
import { announce } from './registrar.ts';
import { startDriver } from './start-driver.ts';

const USAGE = 'usage: main.ts --data-dir DIR --node NAME --socket PATH [--registry DIR] [--kubeconfig FILE]\n';

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string' },
    node: { type: 'string' },
    socket: { type: 'string' },
    registry: { type: 'string' },
    kubeconfig: { type: 'string' },
  },
});

async function ensureObjects(client: Client, ctx: Ctx): Promise<void> {
  const unlessThere = (error: unknown) => {
    if (!isReason(error, 'AlreadyExists')) throw error;
  };
  await client.create(storageV1.CSIDriver, CSI_DRIVER, ctx).catch(unlessThere);
  await client.create(storageV1.StorageClass, STORAGE_CLASS as never, ctx).catch(unlessThere);
}

async function run(dataDir: string, nodeName: string, socket: string, ctx: Ctx): Promise<void> {
  const driver = await startDriver({ socket, dataDir, nodeId: nodeName }, ctx.clock);
  ctx.log.info('driver serves', { socket });
  const registrar = values.registry === undefined ? undefined : await announce(values.registry, socket, ctx.log);
  if (values.kubeconfig !== undefined) {
    const { transport } = await loadKubeconfig(values.kubeconfig);
    const client = createClient(createHttpsTransport(transport), { userAgent: 'kapella-csi-loop' });
    await ensureObjects(client, ctx);
    const { controller, store } = driver;
    await runCompanion({ nodeName, client, controller, freeBytes: () => store.freeBytes() }, ctx);
  } else {
    await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve, { once: true }));
  }
  await registrar?.close();
  await driver.server.close();
}

const { 'data-dir': dataDir, node, socket } = values;
if (!dataDir || !node || !socket) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const abort = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => abort.abort());
const log = createLogger((record) => process.stderr.write(`${JSON.stringify(record)}\n`));
try {
  await run(dataDir, node, socket, { signal: abort.signal, log, clock: hostClock, random: hostRandom });
  process.exit(0); // idle connections to the API server would keep it
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exit(1);
}
