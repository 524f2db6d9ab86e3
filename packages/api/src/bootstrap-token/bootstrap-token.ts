/** Tokens that nodes join with, as Secrets hold them. Pure. Source: cluster-bootstrap/token/{api,util}, util/secrets. */

export const BOOTSTRAP_TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
export const BOOTSTRAP_SECRET_PREFIX = 'bootstrap-token-';
export const BOOTSTRAP_USER_PREFIX = 'system:bootstrap:';
export const BOOTSTRAP_GROUP = 'system:bootstrappers';

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

/** `abcdef.0123456789abcdef`; undefined for anything else. */
export function parseBootstrapToken(token: string): BootstrapToken | undefined {
  const match = TOKEN.exec(token);
  return match === null ? undefined : { id: match[1] as string, secret: match[2] as string };
}

interface SecretObject {
  readonly metadata: { readonly name?: string };
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** One entry of the Secret as text; '' without it. */
export function bootstrapValue({ data }: SecretObject, key: string): string {
  const value = data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined;
  if (value === undefined) return '';
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(value), (char) => char.charCodeAt(0)));
  } catch {
    return '';
  }
}

/** When it stops to be good: ms since 1970; undefined: never. A time that cannot be read has passed. */
export function bootstrapExpiryMs(secret: SecretObject): number | undefined {
  const text = bootstrapValue(secret, 'expiration');
  if (text === '') return undefined;
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const ms = isTime ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? Number.NEGATIVE_INFINITY : ms;
}

/** `usage-bootstrap-authentication`, `usage-bootstrap-signing`. */
export function isBootstrapUsage(secret: SecretObject, usage: 'authentication' | 'signing'): boolean {
  return bootstrapValue(secret, `usage-bootstrap-${usage}`) === 'true';
}

/** Groups of who authenticates with it, sorted; undefined where one may not be such a group. */
export function bootstrapGroups(secret: SecretObject): readonly string[] | undefined {
  const extra = bootstrapValue(secret, 'auth-extra-groups');
  if (extra === '') return [BOOTSTRAP_GROUP];
  const groups = extra.split(',');
  return groups.every((group) => GROUP.test(group)) ? [...new Set([BOOTSTRAP_GROUP, ...groups])].sort() : undefined;
}
