/** v1 ServiceAccount with its token subresource. Source: kubernetes pkg/registry/core/serviceaccount. */
import type { UnknownObject } from '@kapella/api';
import type { TokenRequest } from '@kapella/api/types/authentication-v1';
import type { ServiceAccount } from '@kapella/api/types/core-v1';
import { type ActionSubresource, defineResource, type UserInfo } from '@kapella/apiserver';
import { type Ctx, errors, FieldErrors } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { checkBoundObject } from './token-request.ts';

/** The composition root's service `tokenIssuer`: signs tokens of service accounts. */
export interface TokenIssuer {
  issue(
    request: {
      readonly serviceAccount: ServiceAccount;
      readonly audiences: readonly string[];
      readonly expirationSeconds: number;
      /** The Pod, Secret or Node that the token lives and dies with; `node` is added for a Pod that is bound. */
      readonly boundTo?: BoundObject;
      readonly node?: { readonly name: string; readonly uid: string };
      readonly requestedBy: UserInfo;
    },
    ctx: Ctx,
  ): Promise<{ readonly token: string; readonly expirationTimestamp: string }>;
  /** Audiences where a request names none: those of the API server. */
  readonly defaultAudiences: readonly string[];
  /** Longer tokens are shortened to this. */
  readonly expirationSecondsMax?: number | undefined;
}

export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  readonly uid: string;
}

const EXPIRATION_SECONDS = { default: 3600, min: 600, max: 2 ** 32 };

const token: ActionSubresource<ServiceAccount> = {
  kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  verbs: ['create'],
  status: 201,
  async handle({ parent, name, namespace, body, user, server, nowMs, dryRun }, ctx) {
    const account = parent;
    if (account === undefined) throw errors.notFound({ group: '', resource: 'serviceaccounts', name });
    const request = (body ?? { spec: {} }) as UnknownObject as unknown as TokenRequest;
    const metadata = request.metadata;
    checkMetadata(metadata, account, namespace);
    const issuer = server.service<TokenIssuer>('tokenIssuer');
    const spec = request.spec ?? {};
    const askedSeconds = spec.expirationSeconds ?? EXPIRATION_SECONDS.default;
    checkSpec(askedSeconds);
    const expirationSeconds = Math.min(askedSeconds, issuer.expirationSecondsMax ?? askedSeconds);
    const audiences = spec.audiences?.length ? spec.audiences : issuer.defaultAudiences;
    const bound = spec.boundObjectRef && (await checkBoundObject(server, namespace, account, spec.boundObjectRef));
    const issued = dryRun
      ? { token: '', expirationTimestamp: new Date(nowMs + expirationSeconds * 1000).toISOString() }
      : await issuer.issue({ serviceAccount: account, audiences, expirationSeconds, ...bound, requestedBy: user }, ctx);
    return {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {
        name,
        namespace,
        uid: account.metadata.uid,
        creationTimestamp: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
      },
      spec: { ...spec, audiences, expirationSeconds },
      status: issued,
    };
  },
};

/** Throws Invalid. Source: pkg/apis/authentication/validation. */
function checkSpec(expirationSeconds: number): void {
  const found = new FieldErrors();
  const { min, max } = EXPIRATION_SECONDS;
  if (expirationSeconds < min) {
    found.invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 10 minutes');
  }
  if (expirationSeconds > max) {
    found.invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
  }
  if (found.any) throw found.toApiError({ group: 'authentication.k8s.io', kind: 'TokenRequest', name: '' });
}

/** What the request says of the account must be so. Throws Invalid, Conflict. */
function checkMetadata(metadata: TokenRequest['metadata'], account: ServiceAccount, namespace: string): void {
  const { name, uid } = account.metadata;
  const found = new FieldErrors();
  const must = 'must match the service account';
  if (metadata?.name && metadata.name !== name) {
    found.invalid('metadata.name', metadata.name, `${must} name if specified`);
  } else if (metadata?.namespace && metadata.namespace !== namespace) {
    found.invalid('metadata.namespace', metadata.namespace, `${must} namespace if specified`);
  }
  if (found.any) throw found.toApiError({ group: 'authentication.k8s.io', kind: 'TokenRequest', name });
  if (metadata?.uid && metadata.uid !== uid) {
    const why = `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`;
    throw errors.conflict({ group: 'authentication.k8s.io', resource: 'TokenRequest', name }, why);
  }
}

export const serviceAccountResource = defineResource<ServiceAccount>({
  id: { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', singular: 'serviceaccount' },
  names: { short: ['sa'] },
  scope: 'namespaced',
  subresources: { actions: { token } },
  columns: [nameColumn(), ageColumn()],
  allowUnconditionalUpdate: true,
});
