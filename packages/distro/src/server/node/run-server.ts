/** `kapella server`: the control plane of this machine: store on disk, HTTPS, scheduler and controllers in one process. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { createDescriptions, type Descriptions } from '@kapella/api';
import {
  type ApiServer,
  createApiServer,
  createAuthenticator,
  createAuthorizerChain,
  createMetricsRegistry,
  createNodeAuthorizer,
  createRbacAuthorizer,
  createRbacEscalationPlugin,
} from '@kapella/apiserver';
import {
  createConnectDialer,
  createHttpCaller,
  createTokenIssuer,
  type ServiceAccountTokens,
  startHttpsServer,
} from '@kapella/apiserver/node';
import { createCustomResources } from '@kapella/apiextensions';
import type { Ctx } from '@kapella/base';
import { addressAt, CliError, type ClusterOptions } from '@kapella/cli';
import { createServiceAllocator } from '@kapella/resources';
import { type StoreBackend, storeBackends } from '@kapella/store/node';
import { bootstrapCluster } from '../../bootstrap/bootstrap.ts';
import { primaryAddress } from '../../node-agent/node/host-address.ts';
import { DNS_ADDRESS_INDEX } from '../../network.ts';
import { createCertificateFacts } from '../../pki/node/certificate-signer.ts';
import { type ClusterPki, ensureClusterPki, writePrivate } from '../../pki/node/cluster-pki.ts';
import { kubeconfigYaml } from '../../pki/node/kubeconfig.ts';
import { clientFor, defaultAdmission, MASTER, runComponents } from '../control-plane.ts';
import { servedResources } from '../resources.ts';
import { createServices } from '../services.ts';
import { clusterControllers } from '../controllers.ts';
import { standardRoutes } from '../routes.ts';

export interface ServerHooks {
  /** The API answers and the cluster's own objects are there. `url`: for clients of this machine. */
  readonly onReady?: (facts: { readonly url: string; readonly kubeconfig: string; readonly tookMs: number }) => void;
}

/** Runs until `ctx` aborts, then drains and settles. Throws CliError for what the user can mend. */
export async function runServer(options: ClusterOptions, hooks: ServerHooks, ctx: Ctx): Promise<void> {
  const startMs = ctx.clock.monotonicMs();
  const pki = await ensureClusterPki({
    directory: `${options.dataDir}/pki`,
    apiServerHosts: apiServerHosts(options),
    nowMs: ctx.clock.nowMs(),
  });
  const store = await backendOf(options.store).open(`${options.dataDir}/store`);
  const tokens = await createTokenIssuer({
    issuer: `https://kubernetes.default.svc.${options.clusterDomain}`,
    privateKey: pki.serviceAccountKey,
  });
  const api = createServer(options, store, pki, tokens, ctx);
  await api.server.ready(ctx);
  api.follow();
  createCustomResources(api.server, ctx);

  const https = await listen(api.server, options, pki, ctx);
  const apiAddress = (await primaryAddress()) ?? '127.0.0.1';
  await bootstrapCluster(
    clientFor(api.server, MASTER, 'kapella-bootstrap'),
    {
      serviceAddress: addressAt(options.serviceCidr, 1),
      dnsAddress: addressAt(options.serviceCidr, DNS_ADDRESS_INDEX),
      apiAddress,
      apiPort: https.port,
      clientCa: pki.ca.cert,
      requestHeaderCa: pki.frontProxyCa.cert,
    },
    ctx,
  );
  const url = `https://127.0.0.1:${https.port}`;
  const kubeconfig = `${options.dataDir}/admin.kubeconfig`;
  writePrivate(kubeconfig, kubeconfigYaml({ name: options.name, server: url, caCert: pki.ca.cert, user: pki.admin }));
  hooks.onReady?.({ url, kubeconfig, tookMs: Math.round(ctx.clock.monotonicMs() - startMs) });

  const controllers = clusterControllers({
    podCidr: options.podCidr,
    rootCa: pki.ca.cert,
    certificates: createCertificateFacts(pki.ca),
  });
  await runComponents({ server: api.server, roles: { scheduler: true, controllers: true }, controllers }, ctx).finally(
    async () => {
      await https.close();
      api.server.close();
      await store.close();
    },
  );
}

function createServer(
  options: ClusterOptions,
  store: Awaited<ReturnType<StoreBackend['open']>>,
  pki: ClusterPki,
  tokens: ServiceAccountTokens,
  ctx: Ctx,
): { readonly server: ApiServer; follow(): void } {
  const rbac = createRbacAuthorizer();
  const nodes = createNodeAuthorizer();
  const authorizer = createAuthorizerChain([nodes, rbac]);
  const tokenAuthenticator = tokens.authenticator(() => server.access);
  const kubelet = { certificate: pki.kubeletClient.cert, privateKey: pki.kubeletClient.key, ca: pki.ca.cert };
  const serviceAllocator = createServiceAllocator({ cidrs: [options.serviceCidr], random: ctx.random });
  const server: ApiServer = createApiServer(
    {
      store,
      resources: servedResources(),
      admission: [...defaultAdmission(), createRbacEscalationPlugin(rbac, authorizer)],
      authenticator: createAuthenticator({ tokens: [tokenAuthenticator] }),
      authorizer,
      metrics: createMetricsRegistry(),
      services: createServices({
        ...{ tokens, tokenAuthenticator, authorizer, serviceAllocator },
        httpCaller: createHttpCaller(),
      }),
      dialer: createConnectDialer(kubelet),
      routes: (api) =>
        standardRoutes(api, { serverAddress: `127.0.0.1:${options.apiPort}`, tokens, descriptions: readDescriptions }),
    },
    ctx,
  );
  return {
    server,
    follow() {
      rbac.follow(server.registry as never);
      nodes.follow(server.registry as never);
    },
  };
}

/** Made by the build, beside the program; without them `kubectl explain` shows fields and types only. */
async function readDescriptions(): Promise<Descriptions | undefined> {
  try {
    return createDescriptions(JSON.parse(await readFile(new URL('descriptions.json', import.meta.url), 'utf8')));
  } catch {
    return undefined;
  }
}

async function listen(server: ApiServer, options: ClusterOptions, pki: ClusterPki, ctx: Ctx) {
  const kubelet = { certificate: pki.kubeletClient.cert, privateKey: pki.kubeletClient.key, ca: pki.ca.cert };
  try {
    return await startHttpsServer(
      {
        server,
        host: options.bindAddress,
        port: options.apiPort,
        certificate: pki.apiServer.cert,
        privateKey: pki.apiServer.key,
        clientCa: `${pki.ca.cert}\n${pki.frontProxyCa.cert}`,
        kubelet,
      },
      ctx,
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      const fix = `Stop what holds it (ss -ltnp 'sport = :${options.apiPort}'), or give another --api-port.`;
      throw new CliError('Host', `port ${options.apiPort} is in use`, fix, error);
    }
    if (code === 'EACCES')
      throw new CliError(
        'Host',
        `port ${options.apiPort} needs root`,
        'Run as root, or give an --api-port above 1023.',
        error,
      );
    throw error;
  }
}

function backendOf(store: string): StoreBackend {
  const name = store.split('://')[0];
  const backend = storeBackends.find((candidate) => candidate.name === name);
  if (backend === undefined) throw new CliError('Usage', `--store ${store}: no such store`, 'Use lmdb or memory.');
  return backend;
}

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
  return [...new Set([...names, options.nodeName, '127.0.0.1', addressAt(options.serviceCidr, 1), ...local])];
}
