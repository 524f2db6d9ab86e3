/** The drop-in kube-apiserver: an API server alone, by upstream's flags. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { KubeletCredentials } from '@kapella/apiserver/node';
import { admissionPlugins, selectPlugins } from '@kapella/admission';
import type { Ctx } from '@kapella/base';
import { addressAt, CliError, STORE_DEFAULTS, type StoreOptions } from '@kapella/cli';
import { bootstrapCluster, clientFor, MASTER } from '@kapella/control-plane';
import { primaryAddress } from '../../node-agent/node/host-address.ts';
import type { KeyPairPem } from '@kapella/control-plane/node';
import { writePrivate } from '../../host/node/files.ts';
import { startApiServer } from '../../server/node/api-server.ts';
import { openEncryption } from '../../server/node/open-encryption.ts';
import { openStore, openWholeStore } from '../../server/node/open-store.ts';
import { KUBERNETES_VERSION } from '../../version.ts';
import { flagsHelp, type FlagValues, idleFlags, last, list, parseFlags } from '../flags.ts';
import { connectionsOf, limitsOf, shutdownOf } from '../limit-flags.ts';
import { auditOf } from './audit-flags.ts';
import { authenticationOf, tokensOf } from './authentication-flags.ts';
import { authorizationOf, isOpenToAll } from './authorization-flags.ts';
import { STAND_IN_PATH } from './etcd.ts';
import { boundHeapGrowth } from './heap-growth.ts';

/** How long the etcd beside this server may take to start. */
const ETCD_MS_MAX = 60_000;
const ETCD_POLL_MS = 20;
/** Before a directory: no process beside this one. */
const EMBEDDED = 'lmdb://';

/** Runs until `ctx` aborts. Throws CliError for what the user can mend. */
export async function runKubeApiServer(words: readonly string[], ctx: Ctx): Promise<number> {
  const flags = parseFlags(words);
  if (last(flags, 'help') === 'true') return print(flagsHelp());
  if (last(flags, 'version') === 'true') return print(`Kubernetes ${KUBERNETES_VERSION}\n`);
  const idle = idleFlags(flags);
  if (idle.length > 0) ctx.log.info('flags without effect', { flags: idle });

  const tokens = await tokensOf(flags);
  const serving = await servingOf(flags, ctx.clock.nowMs());
  const storage = storeOptionsOf(flags);
  const store = await storeOf(storage, list(flags, 'etcd-servers')[0], ctx);
  const encryption = await openEncryption(storage, store, ctx);
  const [serviceCidr = '10.0.0.0/24', ...further] = list(flags, 'service-cluster-ip-range');
  const authorization = authorizationOf(flags);
  const api = await startApiServer(
    {
      ...encryption,
      ...{ store, tokens, anonymous: last(flags, 'anonymous-auth') !== 'false' && !isOpenToAll(authorization) },
      ...{ authentication: authenticationOf(flags), jwksUri: last(flags, 'service-account-jwks-uri') },
      ...{ authorizationModes: [], authorization },
      admission: admissionOf(flags),
      ...{ limits: limitsOf(flags), connections: connectionsOf(flags), shutdown: shutdownOf(flags) },
      audit: await auditOf(flags, ctx),
      serviceCidrs: [serviceCidr, ...further],
      kubelet: kubeletOf(flags, serving),
      frontProxy: {
        certificate: fileOf(flags, 'proxy-client-cert-file') ?? serving.cert,
        privateKey: fileOf(flags, 'proxy-client-key-file') ?? serving.key,
      },
      certificate: serving.cert,
      privateKey: serving.key,
      clientCa: fileOf(flags, 'client-ca-file') ?? '',
      frontProxyCa: fileOf(flags, 'requestheader-client-ca-file'),
      host: last(flags, 'bind-address') ?? '0.0.0.0',
      port: Number(last(flags, 'secure-port') ?? 6443),
      portFlag: '--secure-port',
    },
    ctx,
  );
  const bindAddress = last(flags, 'bind-address') ?? '0.0.0.0';
  const apiAddress = await advertisedAddress(flags, bindAddress);
  await bootstrapCluster(
    clientFor(api.server, MASTER, 'kapella-bootstrap'),
    {
      ...{ serviceAddress: addressAt(serviceCidr, 1), apiAddress, apiPort: api.port },
      clientCa: fileOf(flags, 'client-ca-file') ?? '',
      requestHeaderCa: fileOf(flags, 'requestheader-client-ca-file') ?? '',
    },
    ctx,
  );
  api.bootstrapped();
  boundHeapGrowth();
  ctx.log.info('serving', { address: `${bindAddress}:${api.port}` });
  await new Promise<void>((done) => {
    if (ctx.signal.aborted) done();
    ctx.signal.addEventListener('abort', () => done(), { once: true });
  });
  await api.close();
  await store.close();
  return 0;
}

/** As upstream: loopback addresses and `any` mean the host's own, for nobody else could reach them. */
async function advertisedAddress(flags: FlagValues, bindAddress: string): Promise<string> {
  const given = last(flags, 'advertise-address') ?? bindAddress;
  const isReachable = isIP(given) !== 0 && given !== '0.0.0.0' && given !== '::' && !/^(127\.|::1$)/.test(given);
  return isReachable ? given : ((await primaryAddress()) ?? '192.0.2.1');
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function storeOptionsOf(flags: FlagValues): StoreOptions {
  const text = (name: string) => last(flags, name) ?? '';
  return {
    ...STORE_DEFAULTS,
    store: 'etcd',
    etcdEndpoints: list(flags, 'etcd-servers').join(','),
    etcdCafile: text('etcd-cafile'),
    etcdCertfile: text('etcd-certfile'),
    etcdKeyfile: text('etcd-keyfile'),
    etcdPrefix: last(flags, 'etcd-prefix') ?? STORE_DEFAULTS.etcdPrefix,
    encryptionProviderConfig: text('encryption-provider-config'),
    encryptionProviderConfigAutomaticReload: last(flags, 'encryption-provider-config-automatic-reload') ?? 'false',
  };
}

/** A real etcd, or the stand-in of `kapella envtest`, which says where the data is to be. Both may still be starting. */
async function storeOf(options: StoreOptions, first: string | undefined, ctx: Ctx) {
  if (first === undefined) {
    const fix = 'Give the client URL of an etcd, or a directory for the embedded store: --etcd-servers lmdb:///DIR';
    throw new CliError('Usage', '--etcd-servers must be specified', fix);
  }
  if (first.startsWith(EMBEDDED)) return openEmbedded(first.slice(EMBEDDED.length), ctx);
  const dataDir = first.startsWith('https:') ? undefined : await standInDirectory(first, ctx);
  if (dataDir === undefined) return openWholeStore(options, '', ctx);
  return openEmbedded(join(dataDir, 'kapella'), ctx);
}

function openEmbedded(directory: string, ctx: Ctx) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return openStore(STORE_DEFAULTS, directory, ctx);
}

/** undefined: a real etcd. */
async function standInDirectory(server: string, ctx: Ctx): Promise<string | undefined> {
  const url = new URL(STAND_IN_PATH, server.includes('://') ? server : `http://${server}`);
  const deadline = performance.now() + ETCD_MS_MAX;
  for (;;) {
    try {
      const response = await fetch(url, { signal: ctx.signal });
      return response.ok ? ((await response.json()) as { readonly dataDir: string }).dataDir : undefined;
    } catch (error) {
      if (ctx.signal.aborted) throw error;
      // Whoever listens there is no stand-in: its answer would be HTTP.
      if (!isUnreachable(error)) return undefined;
      if (performance.now() > deadline) throw silentEtcd(server, error);
      await new Promise((resolve) => setTimeout(resolve, ETCD_POLL_MS));
    }
  }
}

function silentEtcd(server: string, cause: unknown): CliError {
  const fix = 'Start etcd first; `kapella envtest` lays out one that fits.';
  return new CliError('Timeout', `no etcd answers at ${server}`, fix, cause);
}

function isUnreachable(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'ENOTFOUND' || code === 'EAI_AGAIN';
}

function fileOf(flags: FlagValues, name: string): string | undefined {
  const path = last(flags, name);
  if (path === undefined || path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(
      'Usage',
      `--${name} ${path}: ${(error as Error).message}`,
      'Give a file that can be read.',
      error,
    );
  }
}

function admissionOf(flags: FlagValues) {
  const [enable, disable] = [list(flags, 'enable-admission-plugins'), list(flags, 'disable-admission-plugins')];
  const known = new Set(admissionPlugins.map(({ plugin }) => plugin.name));
  const unknown = [...enable, ...disable].find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new CliError(
      'Usage',
      `admission plugin ${JSON.stringify(unknown)} is unknown`,
      `Known: ${[...known].join(', ')}.`,
    );
  }
  // Upstream leaves NodeRestriction to the installer.
  const without = enable.includes('NodeRestriction') ? disable : [...disable, 'NodeRestriction'];
  return selectPlugins(enable, without);
}

function kubeletOf(flags: FlagValues, serving: KeyPairPem): KubeletCredentials {
  const ca = fileOf(flags, 'kubelet-certificate-authority');
  return {
    certificate: fileOf(flags, 'kubelet-client-certificate') ?? serving.cert,
    privateKey: fileOf(flags, 'kubelet-client-key') ?? serving.key,
    ...(ca === undefined ? {} : { ca }),
  };
}

/** What is given, what lies in --cert-dir, or a certificate of our own that is put there. */
async function servingOf(flags: FlagValues, nowMs: number): Promise<KeyPairPem> {
  const [cert, key] = [fileOf(flags, 'tls-cert-file'), fileOf(flags, 'tls-private-key-file')];
  if (cert !== undefined && key !== undefined) return { cert, key };
  const directory = last(flags, 'cert-dir') ?? '/var/run/kubernetes';
  const [certPath, keyPath] = [join(directory, 'apiserver.crt'), join(directory, 'apiserver.key')];
  if (existsSync(certPath) && existsSync(keyPath)) {
    return { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
  }
  // Only who has no certificate needs what makes one.
  const { createAuthority, issueLeaf } = await import('@kapella/control-plane/node');
  const ca = await createAuthority('kapella-self-signed-ca', nowMs);
  const address = last(flags, 'advertise-address') ?? last(flags, 'bind-address') ?? '127.0.0.1';
  const ipAddresses = [...new Set(['127.0.0.1', ...(isIP(address) === 0 || address === '0.0.0.0' ? [] : [address])])];
  const dnsNames = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const leaf = await issueLeaf(ca, { commonName: 'kube-apiserver', usage: 'server', dnsNames, ipAddresses }, nowMs);
  const pair = { cert: `${leaf.cert}\n${ca.cert}`, key: leaf.key };
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writePrivate(keyPath, pair.key);
  writePrivate(certPath, pair.cert);
  return pair;
}
