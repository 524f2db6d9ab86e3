/** The files under `<data-dir>/pki`: made once, kept, renewed when they near their end or lack a name. */
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivate } from '../../host/node/files.ts';
import { NODE_NETWORK_GROUP } from '@kapella/control-plane/groups';
import {
  createAuthority,
  createSigningKey,
  isUsable,
  issueLeaf,
  type KeyPairPem,
  type LeafRequest,
} from '@kapella/control-plane/node';

/** A leaf is renewed at start when less than this is left. */
const RENEW_BEFORE_MS = 90 * 86_400_000;

export interface ClusterPki {
  readonly ca: KeyPairPem;
  /** Signs what the API server shows to extension servers and trusts of them. */
  readonly frontProxyCa: KeyPairPem;
  /** PKCS #8 PEM of the service-account token key. */
  readonly serviceAccountKey: string;
  readonly apiServer: KeyPairPem;
  /** How the API server speaks to kubelets. */
  readonly kubeletClient: KeyPairPem;
  readonly frontProxyClient: KeyPairPem;
  readonly admin: KeyPairPem;
  /** The certificates of one node. */
  node(name: string, addresses: readonly string[]): Promise<NodePki>;
}

export interface NodePki {
  /** `system:node:<name>`: the agent itself. */
  readonly client: KeyPairPem;
  /** `kapella:node-network:<name>`: proxy and DNS, which may read Services and nothing of Pods' secrets. */
  readonly network: KeyPairPem;
  /** Of the agent's own HTTPS server. */
  readonly server: KeyPairPem;
}

export interface PkiOptions {
  readonly directory: string;
  /** Every name and address under which clients reach the API server. */
  readonly apiServerHosts: readonly string[];
  readonly nowMs: number;
}

export async function ensureClusterPki(options: PkiOptions): Promise<ClusterPki> {
  const { directory, nowMs } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const authority = (name: string, commonName: string) =>
    ensurePair(
      directory,
      name,
      () => createAuthority(commonName, nowMs),
      () => true,
    );
  const ca = await authority('ca', 'kapella-ca');
  const frontProxyCa = await authority('front-proxy-ca', 'kapella-front-proxy-ca');
  const leaf = (name: string, signer: KeyPairPem, request: LeafRequest) => {
    const hosts = [...(request.dnsNames ?? []), ...(request.ipAddresses ?? [])];
    const good = (pair: KeyPairPem) => isUsable(pair.cert, nowMs, RENEW_BEFORE_MS, hosts);
    return ensurePair(directory, name, () => issueLeaf(signer, request, nowMs), good);
  };
  const client = (commonName: string, organization: string): LeafRequest => ({
    commonName,
    organizations: [organization],
    usage: 'client',
  });
  const [apiServer, kubeletClient, frontProxyClient, admin] = await Promise.all([
    leaf('apiserver', ca, { commonName: 'kube-apiserver', usage: 'server', ...splitHosts(options.apiServerHosts) }),
    leaf('apiserver-kubelet-client', ca, client('kube-apiserver-kubelet-client', 'system:masters')),
    leaf('front-proxy-client', frontProxyCa, { commonName: 'front-proxy-client', usage: 'client' }),
    leaf('admin', ca, client('kubernetes-admin', 'system:masters')),
  ]);
  return {
    ca,
    frontProxyCa,
    serviceAccountKey: await ensureFile(join(directory, 'sa.key'), createSigningKey),
    apiServer,
    kubeletClient,
    frontProxyClient,
    admin,
    async node(name, addresses) {
      const serving: LeafRequest = {
        commonName: `system:node:${name}`,
        organizations: ['system:nodes'],
        usage: 'server',
        ...splitHosts([name, ...addresses]),
      };
      return {
        client: await leaf(`kubelet-${name}-client`, ca, client(`system:node:${name}`, 'system:nodes')),
        network: await leaf(`network-${name}-client`, ca, client(`${NODE_NETWORK_GROUP}:${name}`, NODE_NETWORK_GROUP)),
        server: await leaf(`kubelet-${name}-server`, ca, serving),
      };
    },
  };
}

function splitHosts(hosts: readonly string[]): { dnsNames: string[]; ipAddresses: string[] } {
  const isIp = (host: string) => /^[\d.]+$/.test(host) || host.includes(':');
  return { dnsNames: hosts.filter((host) => !isIp(host)), ipAddresses: hosts.filter(isIp) };
}

async function ensurePair(
  directory: string,
  name: string,
  make: () => Promise<KeyPairPem>,
  isGood: (pair: KeyPairPem) => boolean,
): Promise<KeyPairPem> {
  const [certPath, keyPath] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
  if (existsSync(certPath) && existsSync(keyPath)) {
    const pair = { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
    if (isGood(pair)) return pair;
  }
  const pair = await make();
  writePrivate(keyPath, pair.key);
  writePrivate(certPath, pair.cert);
  chmodSync(certPath, 0o644);
  return pair;
}

async function ensureFile(path: string, make: () => Promise<string>): Promise<string> {
  if (existsSync(path)) return readFileSync(path, 'utf8');
  const text = await make();
  writePrivate(path, text);
  return text;
}
