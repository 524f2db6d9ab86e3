/** The API server of a cluster that touches no machine: real admission, RBAC and custom resources, no socket. */
import type { AdmissionPlugin, ApiServer, HttpCaller, ServiceAccountTokens } from '@kapella/apiserver';
import { ApiError, type Ctx } from '@kapella/base';
import type { Client } from '@kapella/client';
import { assembleApiServer, bootstrapCluster, type BootstrapFacts, defaultAdmission } from '@kapella/control-plane';
import type { Store } from '@kapella/store';
import { createPlainTokens } from './plain-tokens.ts';

export const SERVICE_CIDR = '10.96.0.0/12';
export const POD_CIDR = '10.244.0.0/16';

export const BOOTSTRAP_FACTS: BootstrapFacts = {
  serviceAddress: '10.96.0.1',
  dnsAddress: '10.96.0.10',
  apiAddress: '192.0.2.1',
  apiPort: 6443,
  clientCa: 'none: requests of this cluster carry no certificate',
  requestHeaderCa: 'none: requests of this cluster carry no certificate',
};

export interface SimApiOptions {
  readonly store: Store;
  readonly tokens?: ServiceAccountTokens;
  readonly admission?: readonly AdmissionPlugin[];
  /** For webhooks; absent: there is nobody to call. */
  readonly caller?: HttpCaller;
}

const noCaller: HttpCaller = async ({ url }) => {
  throw new Error(`dial ${url}: a cluster in memory has no network`);
};

/** Resolves when its caches are loaded; they run until `close` or until `ctx` ends. */
export function startSimApi(options: SimApiOptions, ctx: Ctx): Promise<ApiServer> {
  const { store, tokens = createPlainTokens(), admission = defaultAdmission(), caller = noCaller } = options;
  return assembleApiServer(
    {
      ...{ store, tokens, admission, caller },
      anonymous: true,
      authorizationModes: ['Node', 'RBAC'],
      serviceCidrs: [SERVICE_CIDR],
      frontProxy: { certificate: '', privateKey: '' },
      serverAddress: `${BOOTSTRAP_FACTS.apiAddress}:${BOOTSTRAP_FACTS.apiPort}`,
      dialer: async () => {
        throw new ApiError('ServiceUnavailable', 'a cluster in memory has no network to reach this over');
      },
      descriptions: async () => undefined,
    },
    ctx,
  );
}

/** Namespaces, roles and the like, as any new cluster has them. */
export const bootstrapSim = (client: Client, ctx: Ctx): Promise<void> => bootstrapCluster(client, BOOTSTRAP_FACTS, ctx);
