/** Credentials for a repository out of the Pod's pull secrets. Source: kubernetes pkg/credentialprovider. */
import type { Secret } from '@kapella/api/types/core-v1';
import { decodeText } from '../container/env.ts';
import type { CriAuth } from '../cri/cri.ts';

interface Entry {
  readonly pattern: string;
  readonly auth: CriAuth;
}

interface DockerEntry {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identitytoken?: string;
}

/** Best match first; empty = pull without credentials. Broken secrets are passed over. */
export function credentialsFor(repository: string, secrets: readonly Secret[]): readonly CriAuth[] {
  const entries = secrets.flatMap(entriesOf);
  const matching = entries.filter(({ pattern }) => matches(pattern, repository));
  const sorted = matching.toSorted((a, b) => (a.pattern < b.pattern ? 1 : a.pattern > b.pattern ? -1 : 0));
  const seen = new Set<string>();
  return sorted
    .map(({ auth }) => auth)
    .filter((auth) => {
      const key = JSON.stringify(auth);
      return !seen.has(key) && seen.add(key);
    });
}

function entriesOf({ type, data = {} }: Secret): readonly Entry[] {
  const key = type === 'kubernetes.io/dockercfg' ? '.dockercfg' : '.dockerconfigjson';
  const text = Object.hasOwn(data, key) ? data[key] : undefined;
  if (text === undefined) return [];
  try {
    const parsed = JSON.parse(decodeText(text)) as Record<string, unknown>;
    const auths = (key === '.dockercfg' ? parsed : (parsed['auths'] ?? {})) as Record<string, DockerEntry>;
    return Object.entries(auths).map(([pattern, entry]) => ({ pattern: normalize(pattern), auth: authOf(entry) }));
  } catch {
    return [];
  }
}

function authOf({ username, password, auth, identitytoken }: DockerEntry): CriAuth {
  if (username === undefined && auth !== undefined) {
    const text = decodeText(auth);
    const colon = text.indexOf(':');
    if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
  }
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(identitytoken === undefined ? {} : { identityToken: identitytoken }),
  };
}

/** `https://index.docker.io/v1/` to `docker.io`, `https://host:5000/v2/` to `host:5000`. */
function normalize(key: string): string {
  const bare = key
    .replace(/^https?:\/\//, '')
    .replace(/\/v[12]\/?$/, '')
    .replace(/\/$/, '');
  return bare === 'index.docker.io' ? 'docker.io' : bare;
}

/** Host parts may be globs (`*.example.com`); the path is a prefix; a port must be the same. */
function matches(pattern: string, repository: string): boolean {
  const [wantedHost = '', ...wantedPath] = pattern.split('/');
  const [host = '', ...path] = repository.split('/');
  const [wantedName = '', wantedPort] = wantedHost.split(':');
  const [name = '', port] = host.split(':');
  if (wantedPort !== port) return false;
  const wantedParts = wantedName.split('.');
  const parts = name.split('.');
  if (wantedParts.length !== parts.length || !wantedParts.every((part, i) => globMatches(part, parts[i] as string))) {
    return false;
  }
  return path.join('/').startsWith(wantedPath.join('/'));
}

/** `*` only; linear time. */
function globMatches(glob: string, text: string): boolean {
  const pieces = glob.split('*');
  if (pieces.length === 1) return glob === text;
  const [first = ''] = pieces;
  const last = pieces[pieces.length - 1] as string;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}
