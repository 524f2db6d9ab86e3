/** Several ways to know a bearer token. Source: apiserver/pkg/authentication/token/union, authenticator/audagnostic.go. */
import type { Ctx } from '@kapella/base';
import type { AuthenticationNotes, Known, TokenAuthenticator, TokenUser } from '../contract.ts';

/** The first that knows the token decides. Nobody does: undefined, or an Error with what those said that refused it. */
export function unionTokens(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return {
    authenticateToken(token, audiences, ctx, notes) {
      const refusals: Error[] = [];
      for (const [i, authenticator] of authenticators.entries()) {
        try {
          const found = authenticator.authenticateToken(token, audiences, ctx, notes);
          if (found instanceof Promise) {
            return goOn(found, authenticators.slice(i + 1), refusals, token, audiences, ctx, notes);
          }
          if (found !== undefined) return found;
        } catch (error) {
          refusals.push(error as Error);
        }
      }
      return outcome(refusals);
    },
  };
}

/** `first` and then `others`. */
async function goOn(
  first: Promise<TokenUser | undefined>,
  others: readonly TokenAuthenticator[],
  refusals: Error[],
  ...[token, audiences, ctx, notes]: [string, readonly string[] | undefined, Ctx, AuthenticationNotes | undefined]
): Promise<TokenUser | undefined> {
  const asked = [() => first, ...others.map((each) => () => each.authenticateToken(token, audiences, ctx, notes))];
  for (const ask of asked) {
    try {
      const found = await ask();
      if (found !== undefined) return found;
    } catch (error) {
      refusals.push(error as Error);
    }
  }
  return outcome(refusals);
}

function outcome(refusals: readonly Error[]): undefined {
  if (refusals.length === 0) return undefined;
  throw joined(refusals);
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
    authenticateToken(token, audiences, ctx): Known<TokenUser> {
      const shared = audiences === undefined ? implicit : implicit.filter((audience) => audiences.includes(audience));
      if (shared.length === 0 && audiences !== undefined) return undefined;
      const found = inner.authenticateToken(token, audiences, ctx);
      const shown = (user: TokenUser | undefined) => user && { ...user, audiences: shared };
      return found instanceof Promise ? found.then(shown) : shown(found);
    },
  };
}
