/** Tokens of service accounts that Secrets hold: what they say, and when they are good. Source: kubernetes pkg/serviceaccount/legacy.go. */
import { coreV1, dayOf, INVALID_SINCE, LAST_USED, type UnknownObject } from '@kapella/api';
import { type Ctx, describeError } from '@kapella/base';
import type { ServerAccess, UserInfo } from '../resource.ts';
import { sameText } from './authenticate.ts';
import type { AuthenticationNotes } from './contract.ts';

const CLAIM = 'kubernetes.io/serviceaccount/';
const DAY_MS = 24 * 3600_000;
const EXTRA = 'authentication.k8s.io/';

export interface LegacyClaims {
  readonly sub?: string;
  readonly [claim: string]: unknown;
}

export interface LegacyAccount {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid: string };
}

/** What the token in this Secret says besides its issuer. Pure. */
export function legacyClaimsOf({ metadata }: LegacyAccount, secretName: string): Record<string, string> {
  const { namespace = '', name, uid } = metadata;
  return {
    sub: `system:serviceaccount:${namespace}:${name}`,
    [`${CLAIM}namespace`]: namespace,
    [`${CLAIM}secret.name`]: secretName,
    [`${CLAIM}service-account.name`]: name,
    [`${CLAIM}service-account.uid`]: uid,
  };
}

interface Claimed {
  readonly namespace: string;
  readonly secretName: string;
  readonly name: string;
  readonly uid: string;
}

/** Throws Error in upstream's words. Pure. */
function claimedBy(claims: LegacyClaims): Claimed {
  const required = (claim: string, what: string): string => {
    const value = claims[claim];
    if (typeof value !== 'string' || value === '') throw new Error(`${what} claim is missing`);
    return value;
  };
  const subject = required('sub', 'sub');
  const claimed = {
    namespace: required(`${CLAIM}namespace`, 'namespace'),
    secretName: required(`${CLAIM}secret.name`, 'secretName'),
    name: required(`${CLAIM}service-account.name`, 'serviceAccountName'),
    uid: required(`${CLAIM}service-account.uid`, 'serviceAccountUID'),
  };
  const expected = `system:serviceaccount:${claimed.namespace}:${claimed.name}`;
  if (subject !== expected) throw new Error('sub claim is invalid');
  return claimed;
}

/**
 * The user of a token whose signature is good. Notes the day of its use at the Secret. Rejects with Error in upstream's
 * words when Secret or account are gone, differ from what the token says, or the Secret is marked invalid.
 */
export async function checkLegacyToken(
  token: string,
  claims: LegacyClaims,
  access: ServerAccess,
  ctx: Ctx,
  notes: AuthenticationNotes | undefined,
): Promise<UserInfo> {
  const claimed = claimedBy(claims);
  const { namespace, secretName, name, uid } = claimed;
  const secret = (await access.get(coreV1.Secret, namespace, secretName)) as UnknownObject | undefined;
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) {
    throw new Error('Token has been invalidated');
  }
  const data = secret['data'] as Readonly<Record<string, string>> | undefined;
  if (!sameText(data?.['token'] ?? '', btoa(token))) throw new Error("Token does not match server's copy");
  const account = (await access.get(coreV1.ServiceAccount, namespace, name)) as UnknownObject | undefined;
  if (account === undefined) throw new Error(`serviceaccounts ${JSON.stringify(name)} not found`);
  const { metadata } = account;
  if (metadata.deletionTimestamp !== undefined) throw new Error(`ServiceAccount ${namespace}/${name} has been deleted`);
  if (metadata.uid !== uid) throw new Error(`ServiceAccount UID (${metadata.uid}) does not match claim (${uid})`);
  noteUse(secret, account, access, notes);
  await noteDay(secret, access, ctx);
  if (secret.metadata.labels?.[INVALID_SINCE]) throw new Error(invalidText(claimed));
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  };
}

function invalidText({ namespace, secretName, name }: Claimed): string {
  const instead = 'Use tokens from the TokenRequest API or manually created secret-based tokens';
  return (
    `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid. ` +
    `${instead}, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`
  );
}

/** Counters, warnings and annotations: made by the cluster, made by hand, or no longer good. */
function noteUse(
  secret: UnknownObject,
  account: UnknownObject,
  { metrics }: ServerAccess,
  notes: AuthenticationNotes | undefined,
): void {
  const { name, namespace = '', labels } = secret.metadata;
  const note = (metric: string, help: string, key: string, value: string) => {
    metrics?.counter(`serviceaccount_${metric}`, help, []).add([]);
    if (notes !== undefined) notes.annotations = { ...notes.annotations, [`${EXTRA}${key}`]: value };
  };
  const references = (account['secrets'] ?? []) as readonly { readonly name?: string }[];
  if (labels?.[INVALID_SINCE]) {
    const help = 'Uses of generated tokens in Secrets that are marked invalid.';
    note('invalid_legacy_auto_token_uses_total', help, 'legacy-token-invalidated', `${name}/${namespace}`);
  } else if (references.some((reference) => reference.name === name)) {
    const help = 'Uses of generated tokens in Secrets.';
    note('legacy_auto_token_uses_total', help, 'legacy-token-autogenerated-secret', name);
    notes?.warnings.push(
      'Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.',
    );
  } else {
    const help = 'Uses of tokens in Secrets made by hand.';
    note('legacy_manual_token_uses_total', help, 'legacy-token-manual-secret', name);
  }
}

/** Writes at most once a day. What goes wrong is told, and refuses nobody. */
async function noteDay(secret: UnknownObject, access: ServerAccess, ctx: Ctx): Promise<void> {
  const nowMs = ctx.clock.nowMs();
  const [today, tomorrow] = [dayOf(nowMs), dayOf(nowMs + DAY_MS)];
  const isNoted = (labels: Readonly<Record<string, string>> | undefined) =>
    labels?.[LAST_USED] === today || labels?.[LAST_USED] === tomorrow;
  const { namespace = '', name, uid, labels } = secret.metadata;
  if (isNoted(labels)) return;
  const change = (now: UnknownObject) => {
    if (now.metadata.uid !== uid || isNoted(now.metadata.labels)) return undefined;
    return { ...now, metadata: { ...now.metadata, labels: { ...now.metadata.labels, [LAST_USED]: today } } };
  };
  try {
    await access.update(coreV1.Secret, namespace, name, change as never, ctx);
  } catch (error) {
    ctx.log.error('use of a token not noted', { namespace, secret: name, cause: describeError(error) });
  }
}
