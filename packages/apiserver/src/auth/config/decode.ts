/** Strict reading of the server's configuration files. Source: apimachinery/pkg/runtime/serializer, with EnableStrict. */
import { parseDurationMs } from '@kapella/api';
import { parseDocument } from 'yaml';

const GROUP = 'apiserver.config.k8s.io';
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** What a document may hold. Lists have one item: what each of theirs is. */
export type Shape =
  | 'string'
  | 'boolean'
  /** Go's durations, `1m30s`: milliseconds in the result. */
  | 'duration'
  | readonly [Shape]
  | { readonly [field: string]: Shape };

export interface Versions {
  readonly kind: string;
  readonly versions: readonly string[];
  readonly shape: { readonly [field: string]: Shape };
}

/** The document without apiVersion and kind, of the shape; absent fields are absent. Throws Error in upstream's words. */
export function decodeConfiguration(text: string, { kind, versions, shape }: Versions): Record<string, unknown> {
  if (text.length === 0) throw new Error('empty config data');
  if (text.length > FILE_BYTES_MAX) throw new Error(`the file has more than ${FILE_BYTES_MAX} bytes`);
  const document = parseDocument(text, { uniqueKeys: true, maxAliasCount: 100 } as object);
  const [broken] = document.errors;
  if (broken !== undefined) throw new Error(`error converting YAML to JSON: yaml: ${broken.message.split('\n')[0]}`);
  const root: unknown = document.toJS({ maxAliasCount: 100 });
  if (!isRecord(root)) throw new Error('the file holds no object');
  const { apiVersion, kind: found, ...content } = root;
  if (typeof found !== 'string' || found === '') throw new Error("Object 'Kind' is missing in the file");
  if (typeof apiVersion !== 'string' || apiVersion === '')
    throw new Error("Object 'apiVersion' is missing in the file");
  if (found !== kind || !versions.some((version) => apiVersion === `${GROUP}/${version}`)) {
    throw new Error(`no kind ${JSON.stringify(found)} is registered for version ${JSON.stringify(apiVersion)}`);
  }
  const problems: string[] = [];
  const decoded = decode(content, shape, '', problems);
  if (problems.length > 0) throw new Error(`strict decoding error: ${problems.join(', ')}`);
  return decoded as Record<string, unknown>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decode(value: unknown, shape: Shape, path: string, problems: string[]): unknown {
  if (value === null || value === undefined) return undefined;
  if (typeof shape === 'string') return scalar(value, shape, path, problems);
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return wrong(value, 'a list', path, problems);
    return value.map((item, i) => decode(item, shape[0] as Shape, `${path}[${i}]`, problems));
  }
  if (!isRecord(value)) return wrong(value, 'an object', path, problems);
  const result: Record<string, unknown> = Object.create(null);
  for (const [field, inner] of Object.entries(value)) {
    const at = path === '' ? field : `${path}.${field}`;
    const known = Object.hasOwn(shape, field) ? (shape as Readonly<Record<string, Shape>>)[field] : undefined;
    if (known === undefined) problems.push(`unknown field ${JSON.stringify(at)}`);
    else result[field] = decode(inner, known, at, problems);
  }
  return result;
}

function scalar(value: unknown, shape: 'string' | 'boolean' | 'duration', path: string, problems: string[]): unknown {
  if (shape === 'boolean') return typeof value === 'boolean' ? value : wrong(value, 'a boolean', path, problems);
  if (typeof value !== 'string') return wrong(value, 'a string', path, problems);
  if (shape === 'string') return value;
  const durationMs = parseDurationMs(value);
  return durationMs ?? wrong(value, 'a duration such as 30s', path, problems);
}

function wrong(value: unknown, wanted: string, path: string, problems: string[]): undefined {
  problems.push(`${path === '' ? 'the document' : path} must be ${wanted}, not ${typeof value}`);
  return undefined;
}
