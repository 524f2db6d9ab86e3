/** Who asks, as an authenticating proxy says in headers. Source: apiserver/pkg/authentication/request/headerrequest. */
import type { UserInfo } from '../resource.ts';
import type { ServerRequest } from './contract.ts';

/** Header names in any case; lists in the order in which they are looked for. */
export interface RequestHeaders {
  /** Common names of the proxies' certificates; empty: any that the proxies' CA signed. */
  readonly allowedNames: readonly string[];
  readonly usernames: readonly string[];
  readonly uids: readonly string[];
  readonly groups: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** undefined: the proxy names nobody. Throws Error for a proxy that may not. */
export function userOfProxy(
  { headers, clientCertificate }: Pick<ServerRequest, 'headers' | 'clientCertificate'>,
  { allowedNames, usernames, uids, groups, extraPrefixes }: RequestHeaders,
): UserInfo | undefined {
  const { commonName = '' } = clientCertificate ?? {};
  if (allowedNames.length > 0 && !allowedNames.includes(commonName)) {
    throw new Error(`x509: subject with cn=${commonName} is not in the allowed list`);
  }
  const username = first(headers, usernames);
  if (username === undefined) return undefined;
  const uid = first(headers, uids);
  const extra = extraOf(headers, extraPrefixes);
  return {
    username,
    ...(uid === undefined ? {} : { uid }),
    groups: groups.flatMap((name) => listOf(headers[name.toLowerCase()])),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

type Headers = ServerRequest['headers'];

function first(headers: Headers, names: readonly string[]): string | undefined {
  return names.map((name) => headers[name.toLowerCase()]).find((value) => value !== undefined && value !== '');
}

/** Drivers join a repeated header with a comma and a space. */
function listOf(header: string | undefined): readonly string[] {
  return header === undefined ? [] : header.split(', ');
}

function extraOf(headers: Headers, prefixes: readonly string[]): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = Object.create(null);
  for (const prefix of prefixes.map((text) => text.toLowerCase())) {
    for (const name in headers) {
      if (!name.startsWith(prefix)) continue;
      const key = unescaped(name.slice(prefix.length));
      extra[key] = [...(extra[key] ?? []), ...listOf(headers[name])];
    }
  }
  return extra;
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
