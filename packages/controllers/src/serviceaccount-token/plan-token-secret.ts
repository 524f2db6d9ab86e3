/** What becomes of a Secret that holds a token of a service account. Pure. Source: kubernetes pkg/controller/serviceaccount. */
import { ACCOUNT_NAME, ACCOUNT_UID, dayOf, dayStartMs, INVALID_SINCE, LAST_USED } from '@kapella/api';
import type { Pod, Secret, ServiceAccount, Volume } from '@kapella/api/types/core-v1';
import { parseTime } from '@kapella/base';

/** The account that the Secret names, as a key; undefined: none. */
export function accountKeyOf(secret: Secret): string | undefined {
  const name = secret.metadata.annotations?.[ACCOUNT_NAME];
  return name ? `${secret.metadata.namespace ?? ''}/${name}` : undefined;
}

/** Whether the Secret is for this very account, or names none by uid. */
export function isFor(secret: Secret, account: ServiceAccount): boolean {
  const uid = secret.metadata.annotations?.[ACCOUNT_UID];
  return !uid || uid === account.metadata.uid;
}

export interface Wanted {
  /** Entries of `data`, in base64, without the token. */
  readonly data: Readonly<Record<string, string>>;
  readonly needsToken: boolean;
}

/** undefined: it holds all it should. `rootCa`: PEM, '' for none. */
export function wantedOf(secret: Secret, rootCa: string): Wanted | undefined {
  const { data = {} } = secret;
  const ca = encode(rootCa);
  const needsCa = rootCa !== '' && data['ca.crt'] !== ca;
  const needsNamespace = !data['namespace'];
  const needsToken = !data['token'];
  if (!needsCa && !needsNamespace && !needsToken) return undefined;
  return {
    data: {
      ...(needsCa && { 'ca.crt': ca }),
      ...(needsNamespace && { namespace: encode(secret.metadata.namespace ?? '') }),
    },
    needsToken,
  };
}

export function filledSecret(
  secret: Secret,
  account: ServiceAccount,
  wanted: Wanted,
  token: string | undefined,
): Secret {
  const { name, uid } = account.metadata;
  const annotations = { ...secret.metadata.annotations, [ACCOUNT_NAME]: name, [ACCOUNT_UID]: uid };
  const data = { ...secret.data, ...wanted.data, ...(token !== undefined && { token: encode(token) }) };
  return { ...secret, metadata: { ...secret.metadata, annotations }, data };
}

/** PEM, names and tokens are ASCII. */
const encode = (text: string) => btoa(text);

/** What the cleaner does with one Secret. */
export type Cleaning = 'keep' | 'delete' | { readonly invalidSince: string };

export interface CleaningFacts {
  readonly account: ServiceAccount | undefined;
  /** Names of Secrets that Pods of the namespace use. */
  readonly used: ReadonlySet<string>;
  readonly nowMs: number;
  /** How long a token may go unused. */
  readonly unusedMs: number;
}

/** Only what the cluster itself once made, that nobody has used for long, goes: first marked, then deleted. */
export function planCleaning(secret: Secret, { account, used, nowMs, unusedMs }: CleaningFacts): Cleaning {
  const { name, labels = {}, creationTimestamp, deletionTimestamp } = secret.metadata;
  const sinceMs = nowMs - unusedMs;
  if (deletionTimestamp !== undefined || (parseTime(creationTimestamp) ?? nowMs) >= sinceMs) return 'keep';
  const sinceDay = dayOf(sinceMs);
  const lastUsed = labels[LAST_USED];
  if (lastUsed !== undefined && (dayStartMs(lastUsed) === undefined || lastUsed >= sinceDay)) return 'keep';
  const isGenerated =
    account !== undefined && isFor(secret, account) && (account.secrets ?? []).some((ref) => ref.name === name);
  if (!isGenerated || used.has(name)) return 'keep';
  const invalidSince = labels[INVALID_SINCE];
  if (dayStartMs(invalidSince) === undefined) return { invalidSince: dayOf(nowMs) };
  return (invalidSince as string) >= sinceDay ? 'keep' : 'delete';
}

interface SecretRef {
  readonly name?: string;
  readonly secretName?: string;
}

/** Names of the Secrets that a Pod uses. Source: kubernetes pkg/api/v1/pod, VisitPodSecretNames. */
export function secretNamesOf({ spec }: Pod): ReadonlySet<string> {
  const containers = [spec?.initContainers, spec?.containers, spec?.ephemeralContainers].flatMap((list) => list ?? []);
  const refs: (SecretRef | undefined)[] = [
    ...(spec?.imagePullSecrets ?? []),
    ...containers.flatMap(({ env = [], envFrom = [] }) => [
      ...envFrom.map(({ secretRef }) => secretRef),
      ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef),
    ]),
    ...(spec?.volumes ?? []).flatMap(secretsOfVolume),
  ];
  return new Set(refs.map((ref) => ref?.name ?? ref?.secretName ?? '').filter((name) => name !== ''));
}

function secretsOfVolume(volume: Volume): (SecretRef | undefined)[] {
  const { cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos } = volume;
  const withRef = [cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos].map((source) => source?.secretRef);
  const projected = (volume.projected?.sources ?? []).map(({ secret }) => secret);
  return [volume.secret, volume.azureFile, volume.csi?.nodePublishSecretRef, ...withRef, ...projected];
}
