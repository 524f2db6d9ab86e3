/** Several ways to know a bearer token. Source: apiserver/pkg/authentication/token/union, authenticator/audagnostic.go. */
import type { TokenAuthenticator } from '../contract.ts';

/** The first that knows the token decides. Nobody does: undefined, or an Error with what those said that refused it. */
export function unionTokens(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return {
    async authenticateToken(token, audiences, ctx) {
      const refusals: Error[] = [];
      for (const authenticator of authenticators) {
        try {
          const found = await authenticator.authenticateToken(token, audiences, ctx);
          if (found !== undefined) return found;
        } catch (error) {
          refusals.push(error as Error);
        }
      }
      if (refusals.length === 0) return undefined;
      throw joined(refusals);
    },
  };
}

/** As upstream's aggregates print: one message, or all in brackets. */
function joined(errors: readonly Error[]): Error {
  const messages = [...new Set(errors.map(({ message }) => message))];
  const [only = ''] = messages;
  return new Error(messages.length === 1 ? only : `[${messages.join(', ')}]`, { cause: errors[0] });
}

/** For tokens that say nothing of audiences: they are for those of this server, and good where one of them is asked for. */
export function audienceAgnostic(implicit: readonly string[], inner: TokenAuthenticator): TokenAuthenticator {
  return {
    async authenticateToken(token, audiences, ctx) {
      const shared = audiences === undefined ? implicit : implicit.filter((audience) => audiences.includes(audience));
      if (shared.length === 0 && audiences !== undefined) return undefined;
      const found = await inner.authenticateToken(token, audiences, ctx);
      return found === undefined ? undefined : { ...found, audiences: shared };
    },
  };
}
