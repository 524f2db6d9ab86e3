/** A port for the test cluster, with certificates made once a process. */
import type { ApiServer, HttpCaller } from '@kapella/apiserver';
import { createHttpCaller, type RunningHttpsServer, startHttpsServer } from '@kapella/apiserver/node';
import type { Ctx } from '@kapella/base';
import { createAuthority, issueLeaf, type KeyPairPem, kubeconfigYaml } from '@kapella/control-plane/node';
import { hostClock } from '@kapella/base/node';

export interface TestPort {
  readonly kubeconfig: string;
  readonly running: RunningHttpsServer;
}

interface Pki {
  readonly ca: KeyPairPem;
  readonly server: KeyPairPem;
  readonly admin: KeyPairPem;
}

let pki: Promise<Pki> | undefined;

async function makePki(): Promise<Pki> {
  const nowMs = hostClock.nowMs();
  const ca = await createAuthority('kapella-test', nowMs);
  const [server, admin] = await Promise.all([
    issueLeaf(
      ca,
      { commonName: 'kubernetes', usage: 'server', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] },
      nowMs,
    ),
    issueLeaf(ca, { commonName: 'admin', organizations: ['system:masters'], usage: 'client' }, nowMs),
  ]);
  return { ca, server, admin };
}

export async function openPort(server: ApiServer, ctx: Ctx): Promise<TestPort> {
  pki ??= makePki();
  const made = await pki;
  const running = await startHttpsServer(
    {
      server,
      host: '127.0.0.1',
      port: 0,
      certificate: made.server.cert,
      privateKey: made.server.key,
      clientCa: made.ca.cert,
      kubelet: { certificate: made.admin.cert, privateKey: made.admin.key, ca: made.ca.cert },
    },
    ctx,
  );
  const kubeconfig = kubeconfigYaml({
    name: 'kapella-test',
    server: `https://127.0.0.1:${running.port}`,
    caCert: made.ca.cert,
    user: made.admin,
  });
  return { kubeconfig, running };
}

/** For webhooks that do listen somewhere. */
export const hostCaller = (): HttpCaller => createHttpCaller();
