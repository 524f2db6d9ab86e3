/** Names of proxy requests: `web`, `web:8080`, `https:web:8443`. Source: apimachinery/pkg/util/net/port_split.go. */
import { errors } from '@kapella/base';

export interface ProxyName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** Number or name; '' when not given. */
  readonly port: string;
}

/** Throws BadRequest; `what` names the kind in the message: `pod`, `service`, `node`. */
export function parseProxyName(id: string, what: string): ProxyName {
  const parts = id.split(':');
  if (parts.length === 1 && parts[0] !== '') return { scheme: 'http', name: parts[0] ?? '', port: '' };
  if (parts.length === 2 && parts[0] !== '') return { scheme: 'http', name: parts[0] ?? '', port: parts[1] ?? '' };
  if (parts.length === 3 && parts[1] !== '') {
    const [scheme, name = '', port = ''] = parts;
    if (scheme === '' || scheme === 'http' || scheme === 'https') return { scheme: scheme || 'http', name, port };
  }
  throw errors.badRequest(`invalid ${what} request "${id}"`);
}

/** Path with the client's query; the path may be empty. */
export function pathWithQuery(restPath: string, query: URLSearchParams): string {
  const path = restPath.startsWith('/') ? restPath : `/${restPath}`;
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}
