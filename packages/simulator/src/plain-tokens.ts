/** Service-account tokens of a cluster without sockets: only this process can know them, so they need no signature. */
import {
  type BoundClaims,
  checkBoundObjects,
  type IssueRequest,
  type ServiceAccountTokens,
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
    authenticator: (access) => ({
      async authenticateToken(token, audiences, ctx) {
        const known = issued.get(token);
        if (known === undefined) return undefined;
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
