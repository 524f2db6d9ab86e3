/** A typed client of a benchmark's own, by a kubeconfig. */
import { type Ctx, silentLogger } from '@kapella/base';
import { hostClock, hostRandom } from '@kapella/base/node';
import { type Client, createClient } from '@kapella/client';
import { createHttpsTransport, loadKubeconfig } from '@kapella/client/node';

export interface BenchClient extends AsyncDisposable {
  readonly client: Client;
  readonly ctx: Ctx;
}

export async function benchClient(kubeconfig: string): Promise<BenchClient> {
  const { transport } = await loadKubeconfig(kubeconfig);
  const client = createClient(createHttpsTransport(transport), { userAgent: 'bench' });
  const stop = new AbortController();
  return {
    client,
    ctx: { signal: stop.signal, log: silentLogger, clock: hostClock, random: hostRandom },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await client.transport.close();
    },
  };
}
