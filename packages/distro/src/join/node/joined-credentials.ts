/** Certificates of a node on another machine: the first one for its token, all others in its own name. */
import { createHash, createHmac, timingSafeEqual, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { coreV1 } from '@kapella/api';
import { type Ctx, sleep } from '@kapella/base';
import { CliError, ipv6Of } from '@kapella/cli';
import { type Client, createClient } from '@kapella/client';
import { createHttpsTransport } from '@kapella/client/node';
import { NODE_NETWORK_GROUP } from '@kapella/control-plane/groups';
import { createAuthority, isUsable, issueLeaf, type KeyPairPem } from '@kapella/control-plane/node';
import { NODE_SETTINGS, type NodeSettingsFacts } from '@kapella/control-plane/node-join';
import { writePrivate } from '../../host/node/files.ts';
import { getText } from '../../host/node/get-text.ts';
import { type AgentCredentials, keepRenewed, livePair, type RenewedPair } from '../../node-agent/node/credentials.ts';
import { type ClusterInfoCrypto, trustClusterInfo } from '../cluster-info.ts';
import { parseToken } from '../token.ts';
import { type CertificateWish, requestCertificate } from './certificate-request.ts';

const ANSWER_MS_MAX = 10_000;
/** More than a ConfigMap can hold; who answers is not known yet. */
const CLUSTER_INFO_BYTES_MAX = 1.5 * 1024 * 1024;
const SIGNED_TRIES = 20;
const SIGNED_POLL_MS = 500;

export interface JoinRequest {
  readonly server: string;
  readonly nodeName: string;
  /** Of this machine, IPv4 first. */
  readonly addresses: readonly string[];
  /** Where the certificates are kept. */
  readonly directory: string;
  /** '' = joined before. */
  readonly token: string;
  /** '' = not checked. */
  readonly caCertHash: string;
}

export interface Joined {
  readonly credentials: AgentCredentials;
  readonly settings: NodeSettingsFacts;
}

const crypto: ClusterInfoCrypto = {
  sign: (text, key) => createHmac('sha256', key).update(text).digest('base64url'),
  keyHash(certificate) {
    const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
    return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
  },
  isSame: (a, b) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b)),
};

export const caCertHash = crypto.keyHash;

/** Throws CliError for what the user can mend. */
export async function joinCluster(join: JoinRequest, ctx: Ctx): Promise<Joined> {
  await mkdir(join.directory, { recursive: true, mode: 0o700 });
  const files = filesIn(join.directory);
  const known = await files.read('client');
  const knownCa = await readFile(files.ca, 'utf8').catch(() => undefined);
  const isJoined = known !== undefined && knownCa !== undefined && isUsable(known.cert, ctx.clock.nowMs(), 0);
  const ca = isJoined ? knownCa : await fetchCa(join, ctx);
  const first = isJoined ? known : await bootstrap(join, ca, ctx);
  writePrivate(files.ca, ca);
  files.write('client', first);
  const client = livePair(first);
  const apiOf = (pair: RenewedPair) => clientFor(join.server, ca, () => pair.current());
  const api = apiOf(client);
  const settings = await readSettings(api.client, ctx);
  // A certificate for an address that the Node does not say is not approved.
  const addresses = ipv6Of(settings.podCidr) === undefined ? join.addresses.slice(0, 1) : join.addresses;
  const wishes = wishesOf({ ...join, addresses });
  const ask = (name: FileName, wish: CertificateWish) => async (inner: Ctx) => {
    const pair = await requestCertificate(api.client, wish, inner);
    files.write(name, pair);
    return pair;
  };
  const network = livePair((await usable(files, 'network', ctx)) ?? (await ask('network', wishes.network)(ctx)));
  const knownServing = await usable(files, 'serving', ctx);
  const serving = livePair(knownServing ?? (await stopgap(join, ctx.clock.nowMs())));
  client.onChange(() => api.transport.reconnect());
  return {
    settings,
    credentials: {
      ...{ ca, client, network, serving },
      async run(inner) {
        await Promise.all([
          keepRenewed('client', client, ask('client', wishes.client), inner),
          keepRenewed('network', network, ask('network', wishes.network), inner),
          // Approved only once the Node says its addresses: until then the stopgap is shown.
          keepRenewed('serving', serving, ask('serving', wishes.serving), inner, knownServing === undefined),
        ]);
      },
    },
  };
}

type FileName = 'client' | 'network' | 'serving';

function filesIn(directory: string) {
  const path = (name: FileName) => `${directory}/kubelet-${name}-current.pem`;
  return {
    ca: `${directory}/ca.crt`,
    async read(name: FileName): Promise<KeyPairPem | undefined> {
      const text = await readFile(path(name), 'utf8').catch(() => undefined);
      const cert = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/.exec(text ?? '')?.[0];
      const key = /-----BEGIN PRIVATE KEY-----[\s\S]*?-----END PRIVATE KEY-----\n?/.exec(text ?? '')?.[0];
      return cert === undefined || key === undefined ? undefined : { cert, key };
    },
    write: (name: FileName, { cert, key }: KeyPairPem) => writePrivate(path(name), `${cert.trimEnd()}\n${key}`),
  };
}

async function usable(files: ReturnType<typeof filesIn>, name: FileName, ctx: Ctx): Promise<KeyPairPem | undefined> {
  const pair = await files.read(name);
  return pair !== undefined && isUsable(pair.cert, ctx.clock.nowMs(), 0) ? pair : undefined;
}

function wishesOf({ nodeName, addresses }: JoinRequest): Readonly<Record<FileName, CertificateWish>> {
  const node = { commonName: `system:node:${nodeName}`, organization: 'system:nodes' };
  return {
    client: {
      ...node,
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    },
    network: {
      commonName: `${NODE_NETWORK_GROUP}:${nodeName}`,
      organization: NODE_NETWORK_GROUP,
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['digital signature', 'client auth'],
    },
    serving: {
      ...node,
      signerName: 'kubernetes.io/kubelet-serving',
      usages: ['digital signature', 'server auth'],
      dnsNames: [nodeName],
      ipAddresses: addresses,
    },
  };
}

/** A certificate of nobody's: good enough until the cluster has signed one. */
async function stopgap({ nodeName, addresses }: JoinRequest, nowMs: number): Promise<KeyPairPem> {
  const authority = await createAuthority(`${nodeName}-ca`, nowMs);
  const names = { dnsNames: [nodeName], ipAddresses: addresses };
  return await issueLeaf(authority, { commonName: nodeName, usage: 'server', ...names }, nowMs);
}

function clientFor(server: string, ca: string, pair: () => KeyPairPem) {
  const options = {
    ...{ server, ca },
    get cert() {
      return pair().cert;
    },
    get key() {
      return pair().key;
    },
  };
  const transport = createHttpsTransport(options);
  return { transport, client: createClient(transport, { userAgent: 'kapella-node/bootstrap' }) };
}

async function bootstrap({ server, token, ...join }: JoinRequest, ca: string, ctx: Ctx): Promise<KeyPairPem> {
  const transport = createHttpsTransport({ server, ca, token: () => token });
  const client = createClient(transport, { userAgent: 'kapella-node/bootstrap' });
  try {
    return await requestCertificate(client, wishesOf({ server, token, ...join }).client, ctx);
  } catch (cause) {
    ctx.signal.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('Failed', `no client certificate: ${why}`, 'kapella kubectl get csr, on the server', cause);
  } finally {
    await transport.close();
  }
}

async function readSettings(client: Client, ctx: Ctx): Promise<NodeSettingsFacts> {
  const found = await client.get(coreV1.ConfigMap, { namespace: 'kube-public', name: NODE_SETTINGS }, ctx);
  const { podCidr, serviceCidr, podNetwork = 'routes', clusterDomain, dnsAddress } = found?.data ?? {};
  if (podCidr !== undefined && serviceCidr !== undefined && clusterDomain !== undefined && dnsAddress !== undefined) {
    return { podCidr, serviceCidr, podNetwork, clusterDomain, dnsAddress };
  }
  const message = `the cluster has no ConfigMap kube-public/${NODE_SETTINGS}`;
  throw new CliError('Failed', message, 'Is --server a Kapella server of this version?');
}

/** Over a connection that nothing vouches for yet: the token's signature does, then. */
async function fetchCa({ server, token: text, caCertHash: pin }: JoinRequest, ctx: Ctx): Promise<string> {
  const token = parseToken(text);
  if (token === undefined) {
    throw new CliError('Usage', '--token is not of the form abcdef.0123456789abcdef', 'kapella token create');
  }
  const url = `${server}/api/v1/namespaces/kube-public/configmaps/cluster-info`;
  let data = await clusterInfo(server, url);
  // A token that was made just now is signed in a moment.
  for (let i = 0; i < SIGNED_TRIES && data[`jws-kubeconfig-${token.id}`] === undefined; i++) {
    await sleep(SIGNED_POLL_MS, ctx);
    data = await clusterInfo(server, url);
  }
  return trustClusterInfo(data, token, pin, crypto).ca;
}

async function clusterInfo(server: string, url: string): Promise<Readonly<Record<string, string>>> {
  const answer = await getText(url, ANSWER_MS_MAX, { rejectUnauthorized: false }, CLUSTER_INFO_BYTES_MAX).catch(
    (cause) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CliError(
        'Failed',
        `${server} does not answer: ${why}`,
        'Check --server, and firewalls between.',
        cause,
      );
    },
  );
  if (answer.status !== 200) {
    const message = `${url} says ${answer.status}: ${answer.text.slice(0, 200)}`;
    throw new CliError('Failed', message, 'Is --server the API server of a Kapella cluster?');
  }
  return (JSON.parse(answer.text) as { data?: Record<string, string> }).data ?? {};
}
