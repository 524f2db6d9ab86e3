/** Tokens of service accounts: signed, checked, published. Source: kubernetes pkg/serviceaccount, pkg/controlplane/apiserver/options. */
import { createPublicKey } from 'node:crypto';
import type { Ctx } from '@kapella/base';
import { LEGACY_ISSUER } from '@kapella/api';
import { legacyClaimsOf } from '../auth/legacy-account-tokens.ts';
import { exportJWK, importPKCS8, type JWK, SignJWT } from 'jose';
import type { IssueRequest, ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { publicKeysOf, trustedKey } from './service-account-keys.ts';
import { createTokenVerifier } from './token-verifier.ts';

export interface TokenIssuerOptions {
  /** `https://kubernetes.default.svc.cluster.local` */
  readonly issuer: string;
  /** Issuers that are trusted as well: former names of this cluster. */
  readonly otherIssuers?: readonly string[];
  /** Audiences of the API server; by default the issuers. */
  readonly audiences?: readonly string[];
  /** PKCS 8 in PEM, RSA or EC. */
  readonly privateKey: string;
  /** PEM of private or public keys, and certificates, whose tokens are trusted too; the signing key's always are. */
  readonly trustedKeys?: readonly string[];
  /** Longer tokens are shortened to this; undefined: as long as asked. */
  readonly expirationSecondsMax?: number;
  /** Whether the tokens that admission gives Pods live a year, for programs that never read them again. Default true. */
  readonly extendsExpiration?: boolean;
}

/** What the ServiceAccount admission plugin asks for: no one else asks for just that. */
const WARN_ONLY_SECONDS = 3_607;
const EXTENDED_SECONDS = 365 * 24 * 3600;

/** Rejects with Error for keys that cannot be used. */
export async function createTokenIssuer(options: TokenIssuerOptions): Promise<ServiceAccountTokens> {
  const { issuer, otherIssuers = [], privateKey, trustedKeys = [] } = options;
  const own = trustedKey(createPublicKey(privateKey));
  const keys = new Map([own, ...trustedKeys.flatMap(publicKeysOf)].map((key) => [key.id, key]));
  const issuers = [...new Set([issuer, ...otherIssuers])];
  const audiences = options.audiences ?? issuers;
  const published: readonly JWK[] = await Promise.all(
    [...keys.values()].map(async ({ key, id, algorithm }) => ({
      ...(await exportJWK(key)),
      ...{ use: 'sig', kid: id, alg: algorithm },
    })),
  );
  const key = await importPKCS8(privateKey, own.algorithm);
  const signer = { ...options, audiences, key, keyId: own.id, algorithm: own.algorithm };
  return {
    ...{ defaultAudiences: audiences, issuer, issuers, expirationSecondsMax: options.expirationSecondsMax },
    algorithms: [...new Set([...keys.values()].map(({ algorithm }) => algorithm))].sort(),
    issue: (request, ctx) => issue(request, signer, ctx),
    issueLegacy: (account, secretName) =>
      new SignJWT({ iss: LEGACY_ISSUER, ...legacyClaimsOf(account, secretName) })
        .setProtectedHeader({ alg: signer.algorithm, kid: signer.keyId })
        .sign(signer.key),
    authenticator: (access) => createTokenVerifier({ issuers, audiences, keys: [...keys.values()] }, access),
    jwks: () => ({ keys: published }),
  };
}

interface Signer {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly extendsExpiration?: boolean;
  readonly key: Awaited<ReturnType<typeof importPKCS8>>;
  readonly keyId: string;
  readonly algorithm: string;
}

async function issue(
  request: IssueRequest,
  signer: Signer,
  ctx: Ctx,
): Promise<{ token: string; expirationTimestamp: string }> {
  const { serviceAccount, boundTo, node, expirationSeconds, audiences } = request;
  const { name, namespace = '', uid } = serviceAccount.metadata;
  const nowSeconds = Math.floor(ctx.clock.nowMs() / 1000);
  const expires = nowSeconds + expirationSeconds;
  const isExtended =
    signer.extendsExpiration !== false &&
    boundTo?.kind === 'Pod' &&
    expirationSeconds === WARN_ONLY_SECONDS &&
    audiences.every((audience) => signer.audiences.includes(audience));
  const claims = {
    'kubernetes.io': {
      ...{ namespace, serviceaccount: { name, uid } },
      ...(boundTo !== undefined && { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } }),
      ...(node !== undefined && { node: { name: node.name, ...(node.uid !== '' && { uid: node.uid }) } }),
      ...(isExtended && { warnafter: expires }),
    },
  };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: signer.algorithm, kid: signer.keyId })
    .setIssuer(signer.issuer)
    .setSubject(`system:serviceaccount:${namespace}:${name}`)
    .setAudience([...audiences])
    .setIssuedAt(nowSeconds)
    .setNotBefore(nowSeconds)
    .setExpirationTime(isExtended ? nowSeconds + EXTENDED_SECONDS : expires)
    .setJti(ctx.random.uuid())
    .sign(signer.key);
  return { token, expirationTimestamp: new Date(expires * 1000).toISOString().replace('.000Z', 'Z') };
}
