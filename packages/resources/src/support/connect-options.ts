/** What a client asks of a stream or a proxy, as the object that admission sees. Source: kubernetes pkg/apis/core/v1 (conversion). */
import type { UnknownObject } from '@kapella/api';

type Fields = Record<string, string | boolean | readonly string[] | readonly number[] | undefined>;

const optionsObject = (kind: string, fields: Fields): UnknownObject => {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== false);
  return { apiVersion: 'v1', kind, ...Object.fromEntries(given) } as unknown as UnknownObject;
};

/** As upstream reads booleans of a query: present without a value is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && !['false', '0', 'f', 'F', 'FALSE', 'False'].includes(value);
}

const textOf = (query: URLSearchParams, name: string) => query.get(name) || undefined;

/** PodExecOptions and PodAttachOptions. */
export function streamOptions(kind: string, query: URLSearchParams): UnknownObject {
  const command = query.getAll('command');
  return optionsObject(kind, {
    stdin: isTrue(query.get('stdin')),
    stdout: isTrue(query.get('stdout')),
    stderr: isTrue(query.get('stderr')),
    tty: isTrue(query.get('tty')),
    container: textOf(query, 'container'),
    command: command.length === 0 ? undefined : command,
  });
}

export function portForwardOptions(query: URLSearchParams): UnknownObject {
  const ports = query
    .getAll('ports')
    .flatMap((text) => text.split(','))
    .map(Number);
  return optionsObject('PodPortForwardOptions', { ports: ports.length === 0 ? undefined : ports });
}

/** PodProxyOptions, ServiceProxyOptions and NodeProxyOptions. */
export function proxyOptions(kind: string, query: URLSearchParams, restPath: string): UnknownObject {
  return optionsObject(kind, { path: restPath === '' ? textOf(query, 'path') : `/${restPath}` });
}
