/** Each controller as the service account of its own, by tokens asked for. Source: controller-manager/pkg/clientbuilder. */
import { coreV1 } from '@kapella/api';
import { type Ctx, isReason, parseTime } from '@kapella/base';
import type { ApiRequest, Client, Transport } from '@kapella/client';

const NAMESPACE = 'kube-system';
const LIFE_SECONDS = 3600;
/** A token is renewed when this share of its life is over. */
const RENEW_SHARE = 0.8;

interface Token {
  readonly text: string;
  readonly renewAtMs: number;
}

/**
 * `client` may create service accounts and tokens of kube-system; `anonymous` carries no identity of its own. Tokens are
 * asked for at the first request, and again in good time.
 */
export function accountTransports(client: Client, anonymous: Transport): (account: string) => Transport {
  return (account) => {
    let token: Token | undefined;
    let asking: Promise<Token> | undefined;
    const live = async (ctx: Ctx): Promise<string> => {
      if (token !== undefined && ctx.clock.nowMs() < token.renewAtMs) return token.text;
      asking ??= askFor(client, account, ctx).finally(() => {
        asking = undefined;
      });
      token = await asking;
      return token.text;
    };
    return {
      async request(request: ApiRequest, ctx: Ctx) {
        const withToken = async () => {
          const headers = { ...request.headers, authorization: `Bearer ${await live(ctx)}` };
          return anonymous.request({ ...request, headers }, ctx);
        };
        const answer = await withToken();
        if (answer.status !== 401) return answer;
        token = undefined; // the account was made anew, or its keys were changed
        return withToken();
      },
      close: async () => {},
    };
  };
}

async function askFor(client: Client, name: string, ctx: Ctx): Promise<Token> {
  const account = { namespace: NAMESPACE, name };
  const spec = { audiences: [], expirationSeconds: LIFE_SECONDS };
  const ask = () =>
    client.createSubresource<TokenRequest>(
      coreV1.ServiceAccount,
      account,
      'token',
      {
        ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
        spec,
      },
      ctx,
    );
  let answer: TokenRequest;
  try {
    answer = await ask();
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    await client.create(coreV1.ServiceAccount, { metadata: account } as never, ctx).catch((cause) => {
      if (!isReason(cause, 'AlreadyExists')) throw cause;
    });
    answer = await ask();
  }
  const nowMs = ctx.clock.nowMs();
  const endMs = parseTime(answer.status?.expirationTimestamp) ?? nowMs + LIFE_SECONDS * 1000;
  return { text: answer.status?.token ?? '', renewAtMs: nowMs + (endMs - nowMs) * RENEW_SHARE };
}

interface TokenRequest {
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
}
