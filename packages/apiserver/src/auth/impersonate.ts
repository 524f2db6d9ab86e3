/** Acting as someone else, of one mode or another. Source: apiserver/pkg/endpoints/filters/impersonation (constrained: KEP 5284). */
import { validateDns1123Subdomain } from '@kapella/api';
import { type Ctx, errors } from '@kapella/base';
import type { UserInfo } from '../resource.ts';
import { AUTHENTICATED_GROUP, UNAUTHENTICATED_GROUP } from './authenticate.ts';
import { forbidden, MASTERS_GROUP } from './authorize.ts';
import type { Attributes, Authorizer } from './contract.ts';

const EXTRA_PREFIX = 'impersonate-extra-';
const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:';
const NODE_PREFIX = 'system:node:';
const AUTHENTICATION = { group: 'authentication.k8s.io', version: 'v1' };
const CORE = { group: '', version: 'v1' };
const NODE_NAME = 'authentication.kubernetes.io/node-name';
const ANONYMOUS_USER = 'system:anonymous';
/** From so many values on it is first asked whether all are allowed. */
const MANY = 4;
const LAST_MODES_MAX = 1_024;

type Headers = Readonly<Record<string, string>>;

/** Who is to be acted as, as the headers have it. */
interface Wanted {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export function isImpersonation(headers: Headers): boolean {
  for (const name in headers) if (name.startsWith('impersonate-') && isOurs(name)) return true;
  return false;
}

function isOurs(name: string): boolean {
  return /^impersonate-(user|uid|group)$/.test(name) || name.startsWith(EXTRA_PREFIX);
}

/** Remembers which mode served whom last: that one is tried first. */
export class Impersonation {
  readonly #authorizer: Authorizer;
  readonly #lastModes = new Map<string, Mode>();

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  /** The user to act as; `request` is what the sender wants to do as him. Throws Forbidden, BadRequest. */
  async userFor(headers: Headers, request: Attributes, ctx: Ctx): Promise<UserInfo> {
    const wanted = wantedOf(headers);
    if (wanted === undefined) return request.user;
    const sender = request.user.username;
    const last = this.#lastModes.get(sender);
    const modes = last === undefined ? MODES : [last, ...MODES.filter((mode) => mode !== last)];
    let refusal: unknown;
    for (const mode of modes) {
      if (!mode.applies(wanted, request.user)) continue;
      try {
        const user = await new Check(this.#authorizer, mode, request, ctx).run(wanted);
        if (this.#lastModes.size >= LAST_MODES_MAX) this.#lastModes.clear();
        this.#lastModes.set(sender, mode);
        return user;
      } catch (error) {
        refusal ??= error;
      }
    }
    throw refusal;
  }
}

interface Mode {
  /** '' : the mode of old, whose one verb is `impersonate`. */
  readonly name: string;
  applies(wanted: Wanted, sender: UserInfo): boolean;
}

const MODES: readonly Mode[] = [
  {
    name: 'associated-node',
    applies: (wanted, sender) => {
      const node = onlyName(wanted) ? nodeOf(wanted.username) : undefined;
      const own = sender.extra?.[NODE_NAME] ?? [];
      return (
        node !== undefined && serviceAccountOf(sender.username) !== undefined && own.length === 1 && own[0] === node
      );
    },
  },
  { name: 'arbitrary-node', applies: (wanted) => onlyName(wanted) && nodeOf(wanted.username) !== undefined },
  { name: 'serviceaccount', applies: (wanted) => onlyName(wanted) && serviceAccountOf(wanted.username) !== undefined },
  {
    name: 'user-info',
    applies: ({ username }) => nodeOf(username) === undefined && serviceAccountOf(username) === undefined,
  },
  { name: '', applies: () => true },
];

const onlyName = ({ uid, groups, extra }: Wanted) =>
  uid === '' && groups.length === 0 && Object.keys(extra).length === 0;

/** One mode's questions to the authorizer. */
class Check {
  readonly #authorizer: Authorizer;
  readonly #mode: Mode;
  readonly #request: Attributes;
  readonly #sender: UserInfo;
  readonly #ctx: Ctx;

  constructor(authorizer: Authorizer, mode: Mode, request: Attributes, ctx: Ctx) {
    this.#authorizer = authorizer;
    this.#mode = mode;
    this.#request = request;
    this.#sender = mode.name === 'associated-node' ? withoutNode(request.user) : request.user;
    this.#ctx = ctx;
  }

  async run(wanted: Wanted): Promise<UserInfo> {
    const { username, uid } = wanted;
    if (this.#isConstrained) {
      const verb = `impersonate-on:${this.#mode.name}:${this.#request.verb}`;
      await this.#ask({ ...this.#request, user: this.#sender, verb });
    }
    const groups = await this.#username(wanted);
    if (uid !== '') await this.#ask(this.#of(AUTHENTICATION, 'uids', uid));
    await this.#groups(wanted.groups);
    await this.#extra(wanted.extra);
    return {
      username,
      ...(uid === '' ? {} : { uid }),
      groups: withStanding(username, groups),
      ...(Object.keys(wanted.extra).length === 0 ? {} : { extra: wanted.extra }),
    };
  }

  get #isConstrained(): boolean {
    return this.#mode.name !== '';
  }

  /** The groups: those of nodes and accounts are known. */
  async #username({ username, groups }: Wanted): Promise<readonly string[]> {
    const version = this.#isConstrained ? AUTHENTICATION : CORE;
    const node = this.#isConstrained ? nodeOf(username) : undefined;
    if (node !== undefined) {
      await this.#ask(this.#of(version, 'nodes', this.#mode.name === 'associated-node' ? '*' : node));
      return ['system:nodes'];
    }
    const account = serviceAccountOf(username);
    if (account === undefined) {
      await this.#ask(this.#of(version, 'users', username));
      return groups;
    }
    const { namespace, name } = account;
    await this.#ask({ ...this.#of(version, 'serviceaccounts', name), namespace });
    return groups.length > 0 ? groups : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  }

  async #groups(groups: readonly string[]): Promise<void> {
    const version = this.#isConstrained ? AUTHENTICATION : CORE;
    const refuse = (name: string, why: string) => forbidden(this.#of(version, 'groups', name), refusal(why));
    if (this.#isConstrained) {
      if (groups.includes('')) throw refuse('', 'impersonating the empty string group is not allowed');
      if (groups.includes(MASTERS_GROUP)) {
        throw refuse(MASTERS_GROUP, 'impersonating the system:masters group is not allowed');
      }
      if (groups.length >= MANY && (await this.#allows(this.#of(version, 'groups', '*')))) return;
    }
    for (const group of groups) await this.#ask(this.#of(version, 'groups', group));
  }

  async #extra(extra: Wanted['extra']): Promise<void> {
    const entries = Object.entries(extra);
    const asked = (key: string, value: string): Attributes => ({
      ...this.#of(AUTHENTICATION, 'userextras', value),
      subresource: key,
    });
    if (this.#isConstrained) {
      const problem = entries.map(([key, values]) => extraProblem(key, values)).find((found) => found !== undefined);
      if (problem !== undefined) throw forbidden(asked('', ''), refusal(problem));
      const isLarge = entries.length >= MANY || entries.flatMap(([, values]) => values).length >= MANY;
      if (isLarge && (await this.#allows(asked('*', '*')))) return;
    }
    for (const [key, values] of entries) for (const value of values) await this.#ask(asked(key, value));
  }

  #of(version: { readonly group: string; readonly version: string }, resource: string, name: string): Attributes {
    const verb = this.#isConstrained ? `impersonate:${this.#mode.name}` : 'impersonate';
    const rest = { isResource: true, subresource: '', namespace: '', path: '' };
    return { user: this.#sender, verb, ...version, resource, name, ...rest };
  }

  async #allows(attributes: Attributes): Promise<boolean> {
    return (await this.#authorizer.authorize(attributes, this.#ctx)).decision === 'allow';
  }

  async #ask(attributes: Attributes): Promise<void> {
    const answer = await this.#authorizer.authorize(attributes, this.#ctx);
    if (answer.decision === 'allow') return;
    const why = [answer.error, answer.reason].filter((text) => text !== undefined && text !== '').join(': ');
    throw forbidden(attributes, refusal(why));
  }
}

const refusal = (reason: string) => ({ decision: 'none', reason }) as const;

/** What differs from node to node is not part of the question. */
function withoutNode(sender: UserInfo): UserInfo {
  const keys = Object.keys(sender.extra ?? {}).sort();
  return { ...sender, extra: { 'authentication.kubernetes.io/associated-node-keys': keys } };
}

function extraProblem(key: string, values: readonly string[]): string | undefined {
  if (key === '') return 'impersonating the empty string key in extra is not allowed';
  const [domain = '', ...rest] = key.split('/');
  if (rest.join('/') === '' || domain === '' || validateDns1123Subdomain(domain).length > 0) {
    const why = `extra.key: Invalid value: ${JSON.stringify(key)}: must be a domain-prefixed path (such as "acme.io/foo")`;
    return `impersonating an invalid key in extra is not allowed: ${why}`;
  }
  if (key !== key.toLowerCase()) {
    return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
  }
  if (values.length === 0) return 'impersonating empty values in extra is not allowed';
  return values.includes('') ? 'impersonating the empty string value in extra is not allowed' : undefined;
}

function withStanding(username: string, groups: readonly string[]): readonly string[] {
  const standing = username === ANONYMOUS_USER ? UNAUTHENTICATED_GROUP : AUTHENTICATED_GROUP;
  return groups.includes(UNAUTHENTICATED_GROUP) || groups.includes(standing) ? groups : [...groups, standing];
}

/** undefined: nobody. Throws BadRequest for other headers without a name. */
function wantedOf(headers: Headers): Wanted | undefined {
  const username = headers['impersonate-user'] ?? '';
  const uid = headers['impersonate-uid'] ?? '';
  const groups = listOf(headers['impersonate-group']);
  const extra = extraOf(headers);
  if (username !== '') return { username, uid, groups, extra };
  const hasExtra = Object.keys(headers).some((name) => name.startsWith(EXTRA_PREFIX));
  if (uid === '' && headers['impersonate-group'] === undefined && !hasExtra) return undefined;
  throw errors.badRequest(`requested ${goUser(uid, groups, extra)} without impersonating a user name`);
}

/** As Go prints it with %#v. */
function goUser(uid: string, groups: readonly string[], extra: Wanted['extra']): string {
  const quoted = (values: readonly string[]) => values.map((value) => JSON.stringify(value)).join(', ');
  const entries = Object.entries(extra).map(([key, values]) => `${JSON.stringify(key)}:[]string{${quoted(values)}}`);
  const list = groups.length === 0 ? '[]string(nil)' : `[]string{${quoted(groups)}}`;
  const map = entries.length === 0 ? 'map[string][]string(nil)' : `map[string][]string{${entries.sort().join(', ')}}`;
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${list}, Extra:${map}}`;
}

function serviceAccountOf(username: string): { namespace: string; name: string } | undefined {
  if (!username.startsWith(SERVICE_ACCOUNT_PREFIX)) return undefined;
  const [namespace = '', name = '', more] = username.slice(SERVICE_ACCOUNT_PREFIX.length).split(':');
  return namespace === '' || name === '' || more !== undefined ? undefined : { namespace, name };
}

function nodeOf(username: string): string | undefined {
  if (!username.startsWith(NODE_PREFIX)) return undefined;
  const name = username.slice(NODE_PREFIX.length);
  return validateDns1123Subdomain(name).length === 0 ? name : undefined;
}

/** Drivers join a repeated header with a comma and a space; names of directories have commas without. */
function listOf(header: string | undefined): readonly string[] {
  return header === undefined ? [] : header.split(', ');
}

function extraOf(headers: Headers): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = Object.create(null);
  for (const name in headers) {
    if (name.startsWith(EXTRA_PREFIX)) extra[unescaped(name.slice(EXTRA_PREFIX.length))] = listOf(headers[name]);
  }
  return extra;
}

/** Always recorded, even when it is not well escaped. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
