/**
 * Signs `kube-public/cluster-info` for everyone who holds a bootstrap token: who joins knows by it that the CA in there is
 * the cluster's. Source: kubernetes pkg/controller/bootstrap/bootstrapsigner.go, cluster-bootstrap/token/jws.
 */
import {
  BOOTSTRAP_SECRET_PREFIX,
  BOOTSTRAP_TOKEN_TYPE,
  bootstrapExpiryMs,
  bootstrapValue,
  coreV1,
  isBootstrapUsage,
} from '@kapella/api';
import type { ConfigMap, Secret } from '@kapella/api/types/core-v1';
import { type Ctx, isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

export const CLUSTER_INFO = 'cluster-info';
const PUBLIC = 'kube-public';
const SYSTEM = 'kube-system';
const KUBECONFIG = 'kubeconfig';
const SIGNATURE_PREFIX = 'jws-kubeconfig-';
/** Other Secrets are none of its business, and need not be held. */
export const TOKEN_SECRETS = { fieldSelector: `type=${BOOTSTRAP_TOKEN_TYPE},metadata.namespace=${SYSTEM}` };

export function createBootstrapSigner({ cache, client }: ControllerDeps): Controller {
  const secrets = cache.informer(coreV1.Secret, TOKEN_SECRETS);
  const write = async (map: ConfigMap, ctx: Ctx) => {
    try {
      await client.update(coreV1.ConfigMap, map, ctx);
    } catch (error) {
      // Who changed it brings us here again.
      if (!isReason(error, 'Conflict', 'NotFound')) throw error;
    }
  };
  return defineController({
    name: 'bootstrap-signer-controller',
    primary: coreV1.Namespace,
    watches: [
      {
        kind: coreV1.ConfigMap,
        keysOf: ({ metadata: { name, namespace } }) => (namespace === PUBLIC && name === CLUSTER_INFO ? [PUBLIC] : []),
      },
    ],
    async background(ctx, queue) {
      await secrets.synced(ctx);
      const poke = () => queue.add(PUBLIC);
      const stop = secrets.subscribe({ add: poke, update: poke, delete: poke });
      await new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve(), { once: true }));
      stop();
    },
    async reconcile(namespace, ctx) {
      if (namespace !== PUBLIC || !secrets.hasSynced) return {};
      const map = cache.get(coreV1.ConfigMap, `${PUBLIC}/${CLUSTER_INFO}`);
      const plan = map === undefined ? undefined : planSignatures(map, secrets.list(), ctx.clock.nowMs());
      if (map === undefined || plan === undefined) return {};
      if (plan.data !== undefined) await write({ ...map, data: plan.data }, ctx);
      return plan.recheckMs === undefined ? {} : { requeueAfterMs: plan.recheckMs };
    },
  });
}

export interface SignaturePlan {
  /** What the ConfigMap is to hold; undefined: it does. */
  readonly data: Readonly<Record<string, string>> | undefined;
  /** When the next token expires. */
  readonly recheckMs: number | undefined;
}

/** Pure. undefined: there is nothing to sign. */
export function planSignatures({ data = {} }: ConfigMap, secrets: readonly Secret[], nowMs: number) {
  const content = Object.hasOwn(data, KUBECONFIG) ? data[KUBECONFIG] : undefined;
  if (content === undefined) return undefined;
  const signers = secrets.filter((secret) => maySign(secret, nowMs));
  const wanted: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(data)) if (!key.startsWith(SIGNATURE_PREFIX)) wanted[key] = value;
  for (const secret of signers) {
    const id = bootstrapValue(secret, 'token-id');
    wanted[`${SIGNATURE_PREFIX}${id}`] = detachedSignature(content, id, bootstrapValue(secret, 'token-secret'));
  }
  const isSame =
    Object.keys(wanted).length === Object.keys(data).length &&
    Object.entries(wanted).every(([key, value]) => data[key] === value);
  const expiries = signers.map(bootstrapExpiryMs).filter((expiryMs) => expiryMs !== undefined);
  const plan: SignaturePlan = {
    data: isSame ? undefined : wanted,
    recheckMs: expiries.length === 0 ? undefined : Math.min(...expiries) - nowMs,
  };
  return plan;
}

function maySign(secret: Secret, nowMs: number): boolean {
  const id = bootstrapValue(secret, 'token-id');
  return (
    secret.type === BOOTSTRAP_TOKEN_TYPE &&
    id !== '' &&
    secret.metadata.name === `${BOOTSTRAP_SECRET_PREFIX}${id}` &&
    bootstrapValue(secret, 'token-secret') !== '' &&
    (bootstrapExpiryMs(secret) ?? Number.POSITIVE_INFINITY) > nowMs &&
    isBootstrapUsage(secret, 'signing')
  );
}

const encoder = new TextEncoder();

/** A JWS by HS256 without its content, as RFC 7515 has it in appendix F. */
export function detachedSignature(content: string, tokenId: string, tokenSecret: string): string {
  const header = base64Url(encoder.encode(JSON.stringify({ alg: 'HS256', kid: tokenId })));
  const signed = encoder.encode(`${header}.${base64Url(encoder.encode(content))}`);
  return `${header}..${base64Url(hmac(sha256, encoder.encode(tokenSecret), signed))}`;
}

function base64Url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
