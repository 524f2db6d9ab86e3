/** Content negotiation. Source: apiserver/pkg/endpoints/handlers/negotiation/negotiate.go. */
import { ApiError } from '@kapella/base';

export type Encoding = 'json' | 'yaml' | 'protobuf';
export type Form = 'object' | 'Table' | 'PartialObjectMetadata';

export interface Media {
  readonly encoding: Encoding;
  readonly form: Form;
  readonly pretty: boolean;
  /** The client would take the next clause of its Accept header if this form cannot be made. */
  readonly profile?: string;
}

export const JSON_TYPE = 'application/json';
export const YAML_TYPE = 'application/yaml';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const TYPES: ReadonlyMap<string, Encoding> = new Map([
  [JSON_TYPE, 'json'],
  [YAML_TYPE, 'yaml'],
  [PROTOBUF_TYPE, 'protobuf'],
  ['*/*', 'json'],
  ['application/*', 'json'],
]);
const PARTIAL: ReadonlySet<string> = new Set(['PartialObjectMetadata', 'PartialObjectMetadataList']);
const MEMO_MAX = 200;

export interface Negotiator {
  /** Throws NotAcceptable. `protobuf`: whether the kind has a protobuf form; `forms`: whether Table and partial are possible. */
  choose(accept: string | undefined, query: URLSearchParams, protobuf: boolean, forms: boolean): Media;
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** Remembers the answers for the few Accept headers that clients really send. */
export function createNegotiator(): Negotiator {
  const memo = new Map<string, Media>();
  return {
    choose(accept, query, protobuf, forms) {
      const pretty = query.get('pretty');
      const isPretty = pretty !== null && pretty !== '' && pretty !== '0' && pretty !== 'false';
      const key = `${accept ?? ''}\n${isPretty}${protobuf}${forms}`;
      const known = memo.get(key);
      if (known !== undefined) return known;
      const media = negotiate(accept ?? '', isPretty, protobuf, forms);
      if (memo.size >= MEMO_MAX) memo.clear();
      memo.set(key, media);
      return media;
    },
  };
}

function negotiate(accept: string, pretty: boolean, protobuf: boolean, forms: boolean): Media {
  if (accept.trim() === '') return { encoding: 'json', form: 'object', pretty };
  for (const clause of parseAccept(accept)) {
    const encoding = TYPES.get(clause.type);
    if (encoding === undefined || clause.quality === 0) continue;
    if (encoding === 'protobuf' && !protobuf) continue;
    const form = formOf(clause, forms);
    if (form === undefined || (form === 'Table' && encoding === 'protobuf')) continue;
    const isPretty = pretty || clause.parameters.get('pretty') === '1' || clause.parameters.get('pretty') === 'true';
    return { encoding, form, pretty: isPretty, profile: clause.parameters.get('profile') };
  }
  throw notAcceptable(protobuf);
}

/** undefined: the clause asks for a form that cannot be made. */
function formOf({ parameters }: Clause, forms: boolean): Form | undefined {
  const as = parameters.get('as');
  if (as === undefined) return 'object';
  const group = parameters.get('g');
  const version = parameters.get('v');
  if (!forms || group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (as === 'Table') return 'Table';
  return PARTIAL.has(as) ? 'PartialObjectMetadata' : undefined;
}

/** Clauses in the order of preference: by quality, then as written. */
export function parseAccept(accept: string): readonly Clause[] {
  const clauses = accept.split(',').map((text): Clause => {
    const [type = '', ...rest] = text.split(';');
    const parameters = new Map<string, string>();
    for (const part of rest) {
      const equals = part.indexOf('=');
      if (equals > 0) parameters.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
    }
    const quality = Number(parameters.get('q') ?? '1');
    return { type: type.trim().toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
  });
  return clauses.toSorted((a, b) => b.quality - a.quality);
}

function notAcceptable(protobuf: boolean): ApiError {
  const types = [JSON_TYPE, YAML_TYPE, ...(protobuf ? [PROTOBUF_TYPE] : [])].join(', ');
  return new ApiError('NotAcceptable', `only the following media types are accepted: ${types}`);
}

export function contentTypeOf(encoding: Encoding): string {
  if (encoding === 'json') return JSON_TYPE;
  return encoding === 'yaml' ? YAML_TYPE : PROTOBUF_TYPE;
}

export function unsupportedMediaType(type: string, allowed: readonly string[]): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${allowed.join(', ')}`,
    { cause: type },
  );
}
