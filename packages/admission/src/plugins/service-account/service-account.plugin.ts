/** Gives each Pod its service account and token. Source: kubernetes plugin/pkg/admission/serviceaccount/admission.go. */
import { coreV1 } from '@kapella/api';
import type { Container, Pod, ServiceAccount, Volume } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin, AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import { type Ctx, randomSuffix, sleep } from '@kapella/base';
import { asObject, isFor, isPodCreate, podOf, refuse } from '../../support/request.ts';
import { usedSecrets } from './pod-secrets.ts';

const DEFAULT_ACCOUNT = 'default';
const VOLUME_PREFIX = 'kube-api-access-';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const MIRROR = 'kubernetes.io/config.mirror';
const ENFORCE = 'kubernetes.io/enforce-mountable-secrets';
/** An hour and seven seconds: the server warns instead of refusing a token of exactly this age. */
const TOKEN_SECONDS = 3607;
/** The account of a namespace just created is made by a controller: it comes soon. */
const LOOKUPS = { default: 10, other: 1, pauseMsMin: 100, pauseMsSpread: 100 };

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  handles: (request) =>
    isPodCreate(request) ||
    (request.operation === 'UPDATE' && isFor(request, 'pods') && request.subresource === 'ephemeralcontainers'),

  async admit(request, server, ctx) {
    if (request.operation !== 'CREATE') return undefined;
    const pod = podOf(request);
    if (isMirror(pod)) return undefined;
    const name = pod.spec.serviceAccountName || DEFAULT_ACCOUNT;
    const account = await accountOf(request, name, server, ctx);
    const named = { ...pod, spec: { ...pod.spec, serviceAccountName: name, serviceAccount: name } };
    const mounted = automounts(account, pod)
      ? withToken(named, () => VOLUME_PREFIX + randomSuffix(5, ctx.random))
      : named;
    return asObject(withPullSecrets(mounted, account));
  },

  async validate(request, server, ctx) {
    const pod = podOf(request);
    if (request.operation === 'CREATE' && isMirror(pod)) {
      checkMirror(request, pod);
      return;
    }
    const name = pod.spec.serviceAccountName ?? '';
    if (name === '') {
      throw refuse(request, `no service account specified for pod ${request.namespace}/${pod.metadata.name ?? ''}`);
    }
    const account = await accountOf(request, name, server, ctx);
    if (account.metadata.annotations?.[ENFORCE] === 'true') checkSecrets(request, pod, account, name);
  },
};

const isMirror = (pod: Pod) => pod.metadata.annotations?.[MIRROR] !== undefined;

function checkSecrets(request: AdmissionRequest, pod: Pod, account: ServiceAccount, name: string): void {
  const scope = request.operation === 'CREATE' ? 'all' : 'ephemeral';
  const allowed = new Set((account.secrets ?? []).map((secret) => secret.name));
  const pulls = new Set((account.imagePullSecrets ?? []).map((secret) => secret.name));
  for (const { secret, what, isPull } of usedSecrets(pod, scope)) {
    if ((isPull ? pulls : allowed).has(secret)) continue;
    const that = isPull ? 'that imagePullSecret' : 'that secret';
    throw refuse(request, `${what} is not allowed because service account ${name} does not reference ${that}`);
  }
}

function checkMirror(request: AdmissionRequest, pod: Pod): void {
  if (pod.spec.serviceAccountName) throw refuse(request, 'a mirror pod may not reference service accounts');
  if (usedSecrets(pod, 'all').length > 0) throw refuse(request, 'a mirror pod may not reference secrets');
  const projections = (pod.spec.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
  if (projections.some((source) => source.serviceAccountToken !== undefined)) {
    throw refuse(request, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

/** Throws Forbidden when the account does not come. */
async function accountOf(
  request: AdmissionRequest,
  name: string,
  server: ServerAccess,
  ctx: Ctx,
): Promise<ServiceAccount> {
  const { namespace } = request;
  const pauseMs = LOOKUPS.pauseMsMin + ctx.random.float() * LOOKUPS.pauseMsSpread;
  const count = name === DEFAULT_ACCOUNT ? LOOKUPS.default : LOOKUPS.other;
  for (let i = 0; ; i++) {
    const account = await server.get(coreV1.ServiceAccount, namespace, name);
    if (account !== undefined) return account;
    if (i === count) break;
    ctx.log.debug('waiting for service account', { namespace, name, attempt: i });
    await sleep(pauseMs, ctx);
  }
  const missing = `serviceaccount "${name}" not found`;
  throw refuse(request, `error looking up service account ${namespace}/${name}: ${missing}`);
}

function automounts(account: ServiceAccount, pod: Pod): boolean {
  return pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
}

function withToken(pod: Pod, newName: () => string): Pod {
  const { volumes = [], initContainers, containers } = pod.spec;
  const existing = volumes.find((volume) => volume.name?.startsWith(VOLUME_PREFIX));
  const everyOne = [...(initContainers ?? []), ...containers];
  const name = existing?.name ?? newName();
  if (everyOne.every(hasMount)) return pod;
  const mount = (container: Container): Container =>
    hasMount(container)
      ? container
      : {
          ...container,
          volumeMounts: [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }],
        };
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(existing === undefined && { volumes: [...volumes, tokenVolume(name)] }),
      ...(initContainers && { initContainers: initContainers.map(mount) }),
      containers: containers.map(mount),
    },
  };
}

function hasMount(container: Container): boolean {
  return container.volumeMounts?.some((mount) => mount.mountPath === MOUNT_PATH) ?? false;
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}

function withPullSecrets(pod: Pod, account: ServiceAccount): Pod {
  const own = pod.spec.imagePullSecrets ?? [];
  const given = account.imagePullSecrets ?? [];
  if (own.length > 0 || given.length === 0) return pod;
  return { ...pod, spec: { ...pod.spec, imagePullSecrets: given.map(({ name }) => ({ name })) } };
}
