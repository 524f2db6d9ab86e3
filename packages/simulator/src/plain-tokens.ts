/** Service-account tokens of a cluster without sockets: only this process can know them, so they need no signature. */
import {
  type AuthenticationNotes,
  type BoundClaims,
  checkBoundObjects,
  checkLegacyToken,
  type IssueRequest,
  type LegacyAccount,
  type LegacyClaims,
  legacyClaimsOf,
  type ServerAccess,
  type ServiceAccountTokens,
  type TokenUser,
  tokenUserOf,
} from '@kapella/apiserver';
import { type Ctx, formatTime } from '@kapella/base';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** The oldest are forgotten first. */
const TOKENS_MAX = 20_000;

function boundOf({ serviceAccount, boundTo, node }: IssueRequest): BoundClaims {
  const { name, namespace = '', uid } = serviceAccount.metadata;
  return {
    namespace,
    serviceaccount: { name, uid },
    ...(boundTo === undefined ? {} : { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } }),
    ...(node === undefined ? {} : { node }),
  };
}

interface Issued {
  readonly request: IssueRequest;
  readonly id: string;
  readonly expiresMs: number;
}

/** Issues without any wait, so that a virtual clock need not wait either. */
const LEGACY = 'kapella-test-secret.';

/** Without chance in it: who asks again gets the same. */
export function legacyToken(account: LegacyAccount['metadata'], secretName: string): string {
  return `${LEGACY}${btoa(JSON.stringify(legacyClaimsOf({ metadata: account }, secretName)))}`;
}

async function authenticateLegacy(
  token: string,
  audiences: readonly string[] | undefined,
  access: ServerAccess,
  ctx: Ctx,
  notes: AuthenticationNotes | undefined,
): Promise<TokenUser | undefined> {
  if (!token.startsWith(LEGACY)) return undefined;
  if (audiences !== undefined && !audiences.includes(ISSUER)) throw new Error('token is for this server alone');
  const claims = JSON.parse(atob(token.slice(LEGACY.length))) as LegacyClaims;
  return { user: await checkLegacyToken(token, claims, access, ctx, notes), audiences: [ISSUER] };
}

export function createPlainTokens(): ServiceAccountTokens {
  const issued = new Map<string, Issued>();
  return {
    defaultAudiences: [ISSUER],
    issuer: ISSUER,
    issuers: [ISSUER],
    algorithms: [],
    expirationSecondsMax: undefined,
    async issue(request: IssueRequest, ctx: Ctx) {
      const id = ctx.random.uuid();
      const token = `kapella-test.${id}.${ctx.random.uuid()}`;
      const expiresMs = ctx.clock.nowMs() + request.expirationSeconds * 1000;
      issued.set(token, { request, id, expiresMs });
      for (const old of issued.keys()) {
        if (issued.size <= TOKENS_MAX) break;
        issued.delete(old);
      }
      return { token, expirationTimestamp: formatTime(expiresMs) };
    },
    issueLegacy: async (serviceAccount, secretName) => legacyToken(serviceAccount.metadata, secretName),
    authenticator: (access) => ({
      async authenticateToken(token, audiences, ctx, notes) {
        const known = issued.get(token);
        if (known === undefined) return authenticateLegacy(token, audiences, access(), ctx, notes);
        if (known.expiresMs <= ctx.clock.nowMs()) throw new Error('token has expired');
        const given = known.request.audiences;
        const shared = (audiences ?? [ISSUER]).filter((audience) => given.includes(audience));
        if (shared.length === 0) throw new Error(`token audiences ${JSON.stringify(given)} are not asked for`);
        const bound = boundOf(known.request);
        await checkBoundObjects(bound, access(), ctx.clock.nowMs());
        return { user: tokenUserOf(bound, known.id), audiences: shared };
      },
    }),
    jwks: () => ({ keys: [] }),
  };
}
