/** Acting as someone else. Source: apiserver/pkg/endpoints/filters/impersonation. */
import { errors } from '@kapella/base';
import type { UserInfo } from '../resource.ts';
import { AUTHENTICATED_GROUP, UNAUTHENTICATED_GROUP } from './authenticate.ts';
import { requireAllowed } from './authorize.ts';
import type { Attributes, Authorizer } from './contract.ts';

const EXTRA_PREFIX = 'impersonate-extra-';
const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:';
const AUTHENTICATION_GROUP = 'authentication.k8s.io';

/** The user to act as; the sender himself without the headers. Throws Forbidden, BadRequest, InternalError. */
export function impersonated(
  sender: UserInfo,
  headers: Readonly<Record<string, string>>,
  authorizer: Authorizer,
): UserInfo {
  const username = headers['impersonate-user'];
  if (username === undefined && !hasOther(headers)) return sender;
  if (username === undefined || username === '') {
    throw errors.internal('requested impersonation without impersonating a user');
  }
  const account = serviceAccountOf(username);
  const given = listOf(headers['impersonate-group']);
  const uid = headers['impersonate-uid'] ?? '';
  const extra = extraOf(headers);
  const ask = (resource: string, name: string, more: Partial<Attributes> = {}) =>
    requireAllowed(authorizer, {
      user: sender,
      verb: 'impersonate',
      isResource: true,
      group: '',
      version: 'v1',
      resource,
      subresource: '',
      namespace: '',
      name,
      path: '',
      ...more,
    });
  if (account === undefined) ask('users', username);
  else ask('serviceaccounts', account.name, { namespace: account.namespace });
  for (const group of given) ask('groups', group);
  if (uid !== '') ask('uids', uid, { group: AUTHENTICATION_GROUP });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) ask('userextras', value, { group: AUTHENTICATION_GROUP, subresource: key });
  }
  return {
    username,
    ...(uid === '' ? {} : { uid }),
    groups: groupsOf(username, given, account),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function groupsOf(
  username: string,
  given: readonly string[],
  account: { readonly namespace: string } | undefined,
): readonly string[] {
  const groups = [...given];
  if (account !== undefined && given.length === 0) {
    groups.push('system:serviceaccounts', `system:serviceaccounts:${account.namespace}`);
  }
  if (username === 'system:anonymous') {
    if (!groups.includes(UNAUTHENTICATED_GROUP)) groups.push(UNAUTHENTICATED_GROUP);
  } else if (!groups.includes(AUTHENTICATED_GROUP) && !groups.includes(UNAUTHENTICATED_GROUP)) {
    groups.push(AUTHENTICATED_GROUP);
  }
  return groups;
}

function hasOther(headers: Readonly<Record<string, string>>): boolean {
  if (headers['impersonate-group'] !== undefined || headers['impersonate-uid'] !== undefined) return true;
  for (const name in headers) if (name.startsWith(EXTRA_PREFIX)) return true;
  return false;
}

function serviceAccountOf(username: string): { namespace: string; name: string } | undefined {
  if (!username.startsWith(SERVICE_ACCOUNT_PREFIX)) return undefined;
  const [namespace = '', name = '', more] = username.slice(SERVICE_ACCOUNT_PREFIX.length).split(':');
  return namespace === '' || name === '' || more !== undefined ? undefined : { namespace, name };
}

/** Drivers join a repeated header with commas. */
function listOf(header: string | undefined): readonly string[] {
  return header === undefined
    ? []
    : header
        .split(',')
        .map((text) => text.trim())
        .filter((text) => text !== '');
}

function extraOf(headers: Readonly<Record<string, string>>): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = Object.create(null);
  for (const name in headers) {
    if (!name.startsWith(EXTRA_PREFIX)) continue;
    extra[decodeURIComponent(name.slice(EXTRA_PREFIX.length))] = listOf(headers[name]);
  }
  return extra;
}
