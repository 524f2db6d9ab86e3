/** `kapella server`: the control plane of this machine: store on disk, HTTPS, scheduler and controllers in one process. */
import { networkInterfaces } from 'node:os';
import { createTokenIssuer, type ServiceAccountTokens } from '@kapella/apiserver/node';
import type { Ctx } from '@kapella/base';
import type { CertificateFacts } from '@kapella/controllers';
import { addressAt, type ClusterOptions, ipv4Of, networksOf } from '@kapella/cli';
import {
  bootstrapCluster,
  keepBootstrapped,
  clientFor,
  defaultAdmission,
  MASTER,
  runComponents,
} from '@kapella/control-plane';
import {
  clusterControllers,
  createNodeCertificateApprover,
  NODE_CERTIFICATE_APPROVER,
} from '@kapella/control-plane/controllers';
import { kubeconfigYaml } from '@kapella/control-plane/node';
import { cableNetwork } from '../../cluster/members.ts';
import { followHollowWish } from '../../hollow/follow-wish.ts';
import { primaryAddress } from '../../node-agent/node/host-address.ts';
import { DNS_ADDRESS_INDEX } from '../../network.ts';
import { createCertificateFacts, sharedAuthority } from '../../pki/node/certificate-signer.ts';
import { ensureClusterPki } from '../../pki/node/cluster-pki.ts';
import { writePrivate } from '../../host/node/files.ts';
import { readSchedulerOptions } from '../../kube-scheduler/node/scheduler-options.ts';
import { startApiServer } from './api-server.ts';
import { cloudOf, readControllerList, rolesOf } from './components.ts';
import { guardsOf } from './flags-file.ts';
import { runElected } from './lead.ts';
import { openEncryption } from './open-encryption.ts';
import { openWholeStore } from './open-store.ts';
import { authenticationOf, authorizationOf } from './server-auth.ts';
import { directoryBytes } from './store-size.ts';

export interface ServerHooks {
  /** The API answers and the cluster's own objects are there. `url`: for clients of this machine. */
  readonly onReady?: (facts: { readonly url: string; readonly kubeconfig: string; readonly tookMs: number }) => void;
}

/** Runs until `ctx` aborts, then drains and settles. Throws CliError for what the user can mend. */
export async function runServer(options: ClusterOptions, hooks: ServerHooks, ctx: Ctx): Promise<void> {
  const startMs = ctx.clock.monotonicMs();
  const scheduler = readSchedulerOptions('--scheduler-config', options.schedulerConfig);
  const selection = readControllerList('--controllers', options.controllers);
  const pki = await ensureClusterPki({
    directory: `${options.dataDir}/pki`,
    apiServerHosts: apiServerHosts(options),
    nowMs: ctx.clock.nowMs(),
  });
  const store = await openWholeStore(options, `${options.dataDir}/store`, ctx);
  const encryption = await openEncryption(options, store, ctx);
  const tokens = await createTokenIssuer({
    issuer: `https://kubernetes.default.svc.${options.clusterDomain}`,
    privateKey: pki.serviceAccountKey,
  });
  const apiAddress = (await primaryAddress()) ?? '127.0.0.1';
  const api = await startApiServer(
    {
      ...encryption,
      ...(store.embedded && { storeSizeBytes: () => directoryBytes(`${options.dataDir}/store`) }),
      ...{ store, tokens, anonymous: true, authorizationModes: ['Node', 'RBAC'], admission: defaultAdmission() },
      authentication: authenticationOf(options),
      authorization: authorizationOf(options),
      serviceCidrs: networksOf(options.serviceCidr),
      // Who checks tokens is in a Pod, or elsewhere: not on this machine's loopback.
      jwksUri: `https://${apiAddress}:${options.apiPort}/openid/v1/jwks`,
      kubelet: { certificate: pki.kubeletClient.cert, privateKey: pki.kubeletClient.key, ca: pki.ca.cert },
      frontProxy: { certificate: pki.frontProxyClient.cert, privateKey: pki.frontProxyClient.key },
      certificate: pki.apiServer.cert,
      privateKey: pki.apiServer.key,
      ...{ clientCa: pki.ca.cert, frontProxyCa: pki.frontProxyCa.cert },
      ...{ host: options.bindAddress, port: options.apiPort, portFlag: '--api-port' },
      ...(await guardsOf(options.dataDir, ctx)),
    },
    ctx,
  );
  const facts = {
    serviceAddress: addressAt(options.serviceCidr, 1),
    localPath: true,
    dnsAddress: addressAt(options.serviceCidr, DNS_ADDRESS_INDEX),
    apiAddress,
    apiPort: api.port,
    clientCa: pki.ca.cert,
    requestHeaderCa: pki.frontProxyCa.cert,
    nodeSettings: nodeSettingsOf(options),
    clusterInfo: { server: `https://${apiAddress}:${api.port}`, ca: pki.ca.cert },
  };
  const master = clientFor(api.server, MASTER, 'kapella-bootstrap');
  await bootstrapCluster(master, facts, ctx);
  api.bootstrapped();
  void keepBootstrapped(master, facts, ctx);
  const url = `https://127.0.0.1:${api.port}`;
  const kubeconfig = `${options.dataDir}/admin.kubeconfig`;
  writePrivate(kubeconfig, kubeconfigYaml({ name: options.name, server: url, caCert: pki.ca.cert, user: pki.admin }));
  hooks.onReady?.({ url, kubeconfig, tookMs: Math.round(ctx.clock.monotonicMs() - startMs) });

  const certificates = createCertificateFacts(sharedAuthority(pki.ca));
  const standard = clusterControllers(
    { ...podNetworkOf(options), rootCa: pki.ca.cert, certificates, ...cloudOf(options), ...signerOf(tokens) },
    selection,
  );
  const controllers = withNodeApprover(standard, certificates);
  const { server } = api;
  const parts = { server, roles: rolesOf(options), controllers, scheduler };
  // Nobody else writes to an embedded store, so there is nobody to elect among.
  const running = store.embedded ? runComponents(parts, ctx) : runElected(parts, ctx);
  const hollow = store.embedded ? followHollowWish(server, ctx) : undefined;
  await Promise.all([running, hollow, untilAborted(ctx)]).finally(async () => {
    await api.close();
    await store.close();
  });
}

/** A server that runs an API alone has nothing else to wait for. */
function untilAborted({ signal }: Ctx): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

type Controllers = ReturnType<typeof clusterControllers>;

const withNodeApprover =
  (standard: Controllers, certificates: CertificateFacts): Controllers =>
  (depsOf) => [...standard(depsOf), createNodeCertificateApprover(depsOf(NODE_CERTIFICATE_APPROVER), certificates)];

const nodeSettingsOf = ({ podCidr, serviceCidr, podNetwork, clusterDomain }: ClusterOptions) => ({
  ...{ podCidr, serviceCidr, podNetwork, clusterDomain },
  dnsAddress: addressAt(serviceCidr, DNS_ADDRESS_INDEX),
});

const podNetworkOf = ({ podCidr }: ClusterOptions) => ({
  podCidr: ipv4Of(podCidr),
  nodeNetworks: { clusterCidrs: networksOf(podCidr) },
});

/** For Secrets of type kubernetes.io/service-account-token. */
const signerOf = (tokens: ServiceAccountTokens) => ({ signAccountToken: tokens.issueLegacy });

/** Names and addresses under which clients may reach the API server. */
export function apiServerHosts(options: ClusterOptions): string[] {
  const domain = options.clusterDomain;
  const names = [
    'localhost',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${domain}`,
  ];
  const local = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => entry.family === 'IPv4' && !entry.address.startsWith('169.254.'))
    .filter((entry) => entry.netmask !== '255.255.255.255') // gateways of Pods come and go
    .map((entry) => entry.address);
  // Also with one node: another may be added while the server runs.
  const cable = addressAt(cableNetwork(options), 1);
  const services = addressAt(options.serviceCidr, 1);
  return [...new Set([...names, options.nodeName, '127.0.0.1', services, cable, ...local])];
}
