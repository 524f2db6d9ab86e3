/** Answers less what differs between any two servers: identities, versions and times. */
import { createProtobufCodec, createTypeFacts, readEnvelope } from '@kapella/api';
import { parse as parseYaml } from 'yaml';
import type { RawAnswer } from './ask.ts';

const HEADERS = [
  'content-type',
  'cache-control',
  'warning',
  'retry-after',
  'x-content-type-options',
  'location',
  'allow',
  'content-encoding',
  'vary',
];

/** Fields whose values are the server's own; whether they are there is compared. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'time',
  'continue',
  'clusterIP',
  'clusterIPs',
  'nodePort',
  'selfLink',
  // What a server says of itself.
  'serverAddress',
  'jwks_uri',
  'gitVersion',
  'gitCommit',
  'gitTreeState',
  'buildDate',
  'goVersion',
  'compiler',
  'platform',
]);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const AGE = /^(?:\d+[smhdy])+$/;

export interface Normal {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

const facts = createTypeFacts();
const codec = createProtobufCodec(facts);

export function normalize({ status, headers, body }: RawAnswer, saved: ReadonlyMap<string, string>): Normal {
  const kept = Object.fromEntries(
    HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
  return { status, headers: kept, body: plain(bodyOf(String(headers['content-type'] ?? ''), body), saved) };
}

/** JSON as values, a watch as a list of its events, protobuf decoded, other text as it is. */
function bodyOf(contentType: string, body: Buffer): unknown {
  if (contentType === 'application/vnd.kubernetes.protobuf') return protobuf(body);
  const text = body.toString();
  if (text === '') return '';
  if (contentType.includes('yaml')) return parseYaml(text);
  if (!contentType.includes('json')) return text;
  if (!text.startsWith('{"type":"')) return JSON.parse(text);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function protobuf(body: Buffer): unknown {
  const { kind, apiVersion, raw } = readEnvelope(body);
  const slash = apiVersion.indexOf('/');
  const typeId = facts.typeIdOf({
    group: apiVersion.slice(0, Math.max(0, slash)),
    version: apiVersion.slice(slash + 1),
    kind,
  });
  return { kind, apiVersion, decoded: typeId === undefined ? raw.length : codec.decodeMessage(raw, typeId) };
}

function plain(value: unknown, saved: ReadonlyMap<string, string>, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => plain(item, saved, OWN_FIELDS.has(key) ? key : ''));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner, saved, name)]));
  }
  if (key === 'description') return '<prose>';
  if (OWN_FIELDS.has(key) && value !== 'None' && value !== null && (value !== '' || key.startsWith('git')))
    return `<${key}>`;
  if (value === '' || value === null || value === undefined) return value;
  return typeof value === 'string' ? plainText(value, saved) : value;
}

function plainText(given: string, saved: ReadonlyMap<string, string>): string {
  let text = given
    .replace(UUID, '<uid>')
    .replace(TIME, '<time>')
    .replace(/current: \d+/, 'current: <version>')
    // A patched object in the order of a Go struct.
    .replace(/patch: Invalid value: "\{.*\}"/, 'patch: Invalid value: "<object>"')
    .replace(/^Invalid value: "\{.*\}"/, 'Invalid value: "<object>"')
    // The fault of a YAML text in the words of its parser.
    .replace(/(yaml: )(?!unmarshal)[^(]*/, '$1<fault> ');
  for (const [name, value] of saved) if (value.length > 1) text = text.replaceAll(value, `<${name}>`);
  return text.replace(AGE, '<age>').replace(/kube-api-access-[a-z0-9]{5}/, 'kube-api-access-<suffix>');
}

/** Where two answers differ: one line for each place. */
export function differences(ours: unknown, theirs: unknown, path = ''): readonly string[] {
  if (isRecord(ours) && isRecord(theirs)) {
    const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
    return [...names].flatMap((name) => differences(ours[name], theirs[name], path === '' ? name : `${path}.${name}`));
  }
  if (Array.isArray(ours) && Array.isArray(theirs) && ours.length === theirs.length) {
    return ours.flatMap((item, i) => differences(item, theirs[i], `${path}[${i}]`));
  }
  const [a, b] = [JSON.stringify(ours) ?? 'absent', JSON.stringify(theirs) ?? 'absent'];
  return a === b ? [] : [`${path}: ours ${a}, upstream's ${b}`];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
