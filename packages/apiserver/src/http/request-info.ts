/** What a request is about, from its method and path alone. Source: apiserver/pkg/endpoints/request/requestinfo.go. */
import { parseFieldSelector } from '@kapella/api';

export interface RequestInfo {
  readonly isResource: boolean;
  /** As upstream names it: get list watch create update patch delete deletecollection; else the lower-case method. */
  readonly verb: string;
  /** Decoded path. */
  readonly path: string;
  /** `api` or `apis`; '' for other paths. */
  readonly prefix: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** Behind the subresource, without leading slash and still as the client wrote it; undefined when there is nothing. */
  readonly rest: string | undefined;
  /** Segments of the path: discovery is routed by them. */
  readonly parts: readonly string[];
}

const METHOD_VERBS: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/** Never throws: a path that cannot be decoded is taken as it is. */
export function parseRequestInfo(method: string, rawPath: string, query: URLSearchParams): RequestInfo {
  const raw = segmentsOf(rawPath);
  const parts = rawPath.includes('%') ? raw.map(decodeSegment) : raw;
  const isCore = parts[0] === 'api';
  const start = isCore ? 2 : 3;
  if ((!isCore && parts[0] !== 'apis') || parts.length <= start) return nonResource(method, parts, rawPath);
  const group = isCore ? '' : (parts[1] as string);
  return resourceInfo({ method, rawPath, raw, parts, query }, group, start);
}

interface Path {
  readonly method: string;
  readonly rawPath: string;
  /** Segments as the client wrote them, and decoded. */
  readonly raw: readonly string[];
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

/** `start`: the first segment behind the version. */
function resourceInfo({ method, rawPath, raw, parts, query }: Path, group: string, start: number): RequestInfo {
  const skipped = parts[start] === 'watch' && parts.length > start + 1 ? 1 : 0;
  const methodVerb = skipped === 1 ? 'watch' : (METHOD_VERBS.get(method) ?? '');
  const { namespace, at } = namespaceOf(parts, start + skipped);
  const pathName = parts[at + 1] ?? '';
  const isCollection = pathName === '';
  return {
    isResource: true,
    verb: isCollection ? collectionVerb(methodVerb, query) : methodVerb,
    path: parts === raw ? rawPath : `/${parts.join('/')}`,
    prefix: parts[0] as string,
    group,
    version: parts[start - 1] as string,
    namespace,
    resource: parts[at] as string,
    subresource: parts[at + 2] ?? '',
    name: isCollection && methodVerb === 'get' ? nameOfSelector(query) : pathName,
    rest: restOf(rawPath, raw, at + 3),
    parts,
  };
}

/** Without the empty ones at both ends. */
function segmentsOf(path: string): readonly string[] {
  const segments = path.split('/');
  if (segments[0] === '') segments.shift();
  while (segments.length > 0 && segments[segments.length - 1] === '') segments.pop();
  return segments;
}

/** Of a request without a name. */
function collectionVerb(verb: string, query: URLSearchParams): string {
  if (verb === 'get') return isTrue(query.get('watch')) ? 'watch' : 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}

/** `at`: where the resource stands, behind its namespace. */
function namespaceOf(parts: readonly string[], at: number): { readonly namespace: string; readonly at: number } {
  if (parts[at] !== 'namespaces' || parts.length <= at + 1) return { namespace: '', at };
  const third = parts[at + 2];
  const isOwnSubresource = third === undefined || third === 'status' || third === 'finalize';
  return { namespace: parts[at + 1] as string, at: isOwnSubresource ? at : at + 2 };
}

/** A query parameter as upstream reads a bool: present and neither `false` nor `0`. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

function nonResource(method: string, parts: readonly string[], rawPath: string): RequestInfo {
  const prefix = parts[0] === 'api' || parts[0] === 'apis' ? parts[0] : '';
  return {
    isResource: false,
    verb: method.toLowerCase(),
    path: rawPath.includes('%') ? decodeSegment(rawPath) : rawPath,
    prefix,
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    rest: undefined,
    parts,
  };
}

/** A trailing slash is kept: what is proxied to may care. */
function restOf(rawPath: string, raw: readonly string[], from: number): string | undefined {
  if (raw.length <= from) return undefined;
  return raw.slice(from).join('/') + (rawPath.endsWith('/') ? '/' : '');
}

/** `fieldSelector=metadata.name=x` is authorized as if `x` were in the path. */
function nameOfSelector(query: URLSearchParams): string {
  const text = query.get('fieldSelector');
  if (text === null || !text.includes('metadata.name')) return '';
  try {
    const name = parseFieldSelector(text).exactMatch('metadata.name') ?? '';
    return name.includes('/') || name.includes('%') || name === '.' || name === '..' ? '' : name;
  } catch {
    return ''; // the handler answers 400 for it
  }
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
