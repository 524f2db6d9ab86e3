/** Content negotiation. Source: apiserver/pkg/endpoints/handlers/negotiation/negotiate.go. */
import { ApiError } from '@kapella/base';

export type Encoding = 'json' | 'yaml' | 'protobuf' | 'cbor';
export type Form = 'object' | 'Table' | 'PartialObjectMetadata';

export interface Media {
  readonly encoding: Encoding;
  readonly form: Form;
  readonly pretty: boolean;
  /** The client would take the next clause of its Accept header if this form cannot be made. */
  readonly profile?: string;
  /** Forms are told as of meta.k8s.io/v1beta1. */
  readonly isBeta?: true;
}

export const JSON_TYPE = 'application/json';
export const YAML_TYPE = 'application/yaml';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
export const CBOR_TYPE = 'application/cbor';
/** Of watches: one item after the other. */
export const CBOR_SEQUENCE_TYPE = 'application/cbor-seq';
const TYPES: ReadonlyMap<string, Encoding> = new Map([
  [JSON_TYPE, 'json'],
  [YAML_TYPE, 'yaml'],
  [PROTOBUF_TYPE, 'protobuf'],
  [CBOR_TYPE, 'cbor'],
  ['*/*', 'json'],
  ['application/*', 'json'],
]);
const PARTIAL: ReadonlySet<string> = new Set(['PartialObjectMetadata', 'PartialObjectMetadataList']);
const MEMO_MAX = 200;

/** What a path can answer with. */
export interface Offer {
  /** Whether the kind has a protobuf form; those that have are Kubernetes' own. */
  readonly protobuf: boolean;
  /** Behind the feature gate CBORServingAndStorage. */
  readonly cbor?: boolean;
  /** Whether tables and metadata alone are possible, and of what. */
  readonly forms: 'none' | 'one' | 'list' | 'watch';
}

export interface Negotiator {
  /** Throws NotAcceptable. */
  choose(accept: string | undefined, query: URLSearchParams, offer: Offer): Media;
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
    choose(accept, query, offer) {
      const pretty = query.get('pretty');
      const isPretty = pretty !== null && pretty !== '' && pretty !== '0' && pretty !== 'false';
      const key = `${accept ?? ''}\n${isPretty}${offer.protobuf}${offer.cbor === true}${offer.forms}`;
      const known = memo.get(key);
      if (known !== undefined) return known;
      const media = negotiate(accept ?? '', isPretty, offer);
      if (memo.size >= MEMO_MAX) memo.clear();
      memo.set(key, media);
      return media;
    },
  };
}

function negotiate(accept: string, pretty: boolean, offer: Offer): Media {
  if (accept.trim() === '') return { encoding: 'json', form: 'object', pretty };
  const clauses = parseAccept(accept);
  if (offer.protobuf) checkRoute(clauses, offer);
  for (const clause of clauses) {
    const media = mediaOfClause(clause, pretty, offer);
    if (media !== undefined) return media;
  }
  throw new ApiError('NotAcceptable', `only the following media types are accepted: ${typesOf(offer).join(', ')}`);
}

/** undefined: what the clause asks for is not there. */
function mediaOfClause(clause: Clause, pretty: boolean, offer: Offer): Media | undefined {
  const { parameters } = clause;
  const encoding = TYPES.get(clause.type);
  if (encoding === undefined || clause.quality === 0) return undefined;
  const form = formOf(clause, offer);
  // Metadata alone has a protobuf form whatever its kind.
  if (!isOffered(encoding, form === 'PartialObjectMetadata' ? { ...offer, protobuf: true } : offer)) return undefined;
  if (form === undefined || (form === 'Table' && encoding === 'protobuf')) return undefined;
  const isPretty = pretty || parameters.get('pretty') === '1' || parameters.get('pretty') === 'true';
  const isBeta = form !== 'object' && parameters.get('v') === 'v1beta1';
  return { encoding, form, pretty: isPretty, profile: parameters.get('profile'), ...(isBeta ? { isBeta } : {}) };
}

function isOffered(encoding: Encoding, { protobuf, cbor = false, forms }: Offer): boolean {
  if (encoding === 'cbor') return cbor;
  return (encoding !== 'protobuf' || protobuf) && (encoding !== 'yaml' || forms !== 'watch');
}

/** What upstream's router asks before anything looks at the parameters. Source: go-restful, its words. */
function checkRoute(clauses: readonly Clause[], offer: Offer): void {
  const types = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE, ...(offer.cbor === true ? [CBOR_TYPE] : [])];
  if (clauses.some(({ type }) => type === '*/*' || types.includes(type))) return;
  const streams = offer.forms === 'list' || offer.forms === 'watch' ? [JSON_TYPE, PROTOBUF_TYPE] : [];
  const shown = [...types, ...streams.map((type) => `${type};stream=watch`)].join(', ');
  throw new ApiError('NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${shown}`, { details: {} });
}

/** undefined: the clause asks for a form that cannot be made. */
function formOf({ parameters }: Clause, { forms }: Offer): Form | undefined {
  const as = parameters.get('as');
  if (as === undefined) return 'object';
  const group = parameters.get('g');
  const version = parameters.get('v');
  if (forms === 'none' || group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (as === 'Table') return 'Table';
  if (!PARTIAL.has(as)) return undefined;
  if ((as === 'PartialObjectMetadataList') !== (forms === 'list')) throw wrongForm(as, forms === 'list');
  return 'PartialObjectMetadata';
}

function wrongForm(as: string, isList: boolean): ApiError {
  const what = isList ? 'is a list' : 'is not a list';
  return new ApiError('NotAcceptable', `you requested ${as}, but the requested object ${what}`);
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

function typesOf({ protobuf, cbor = false, forms }: Offer): readonly string[] {
  if (forms !== 'watch') {
    return [JSON_TYPE, YAML_TYPE, ...(protobuf ? [PROTOBUF_TYPE] : []), ...(cbor ? [CBOR_TYPE] : [])];
  }
  return [JSON_TYPE, ...(protobuf ? [PROTOBUF_TYPE] : [])].map((type) => `${type};stream=watch`);
}

const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  json: JSON_TYPE,
  yaml: YAML_TYPE,
  protobuf: PROTOBUF_TYPE,
  cbor: CBOR_TYPE,
};

export function contentTypeOf(encoding: Encoding): string {
  return CONTENT_TYPES[encoding];
}

/** Of a watch in this encoding. */
export function watchTypeOf(encoding: Encoding): string {
  if (encoding === 'cbor') return CBOR_SEQUENCE_TYPE;
  return encoding === 'protobuf' ? `${PROTOBUF_TYPE};stream=watch` : contentTypeOf(encoding);
}

export function unsupportedMediaType(type: string, allowed: readonly string[]): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${allowed.join(', ')}`,
    { cause: type },
  );
}
