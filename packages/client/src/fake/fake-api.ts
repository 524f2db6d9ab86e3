/** A small API in memory behind a Transport, for tests of clients: storage, watch, conflicts, finalizers; no schemas. */
import { type KindRef, type KubeObject, parseFieldSelector, parseLabelSelector } from '@kapella/api';
import { ApiError, type Ctx, errors, formatTime, jsonEqual, randomSuffix } from '@kapella/base';
import type { ApiRequest, ApiResponse, ByteSink, Transport } from '../transport.ts';
import { applyJsonPatch, applyMergePatch } from './patches.ts';

/** What a request is about, as read from its path. */
export interface FakeTarget {
  readonly root: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

/** Any object: there are no schemas here. */
// biome-ignore lint/suspicious/noExplicitAny: only the test knows what it is
export type Loose = any;

export type FakeRequest = FakeTarget & {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly body: Loose;
};

export interface FakeApiOptions {
  /** Answers or throws in place of the fake; undefined lets it go on. */
  readonly intercept?: (request: FakeRequest) => object | undefined;
}

export interface FakeApi extends Transport {
  /** Every request so far but watches and reads. */
  readonly writes: readonly FakeRequest[];
  readonly requests: readonly FakeRequest[];
  objects<T>(kind: KindRef<T>): T[];
  /** Puts objects in as they are; metadata that is missing is made up. */
  seed(...objects: object[]): void;
  /** Ends all watches; the next one from before gets 410 when `expire` is set. */
  endWatches(expire?: boolean): void;
  intercept: ((request: FakeRequest) => object | undefined) | undefined;
}

interface Watcher {
  readonly request: FakeRequest;
  readonly sink: ByteSink;
}

interface Change {
  readonly rev: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Loose;
  readonly root: string;
  readonly plural: string;
}

const PATH = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/(.+))?$/;

export function createFakeApi(ctx: Pick<Ctx, 'clock' | 'random'>, options: FakeApiOptions = {}): FakeApi {
  return new Fake(ctx, options);
}

class Fake implements FakeApi {
  readonly #ctx: Pick<Ctx, 'clock' | 'random'>;
  readonly #objects = new Map<string, Loose>();
  readonly #history: Change[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly requests: FakeRequest[] = [];
  intercept: FakeApiOptions['intercept'];
  #rev = 100;
  #compacted = 0;

  constructor(ctx: Pick<Ctx, 'clock' | 'random'>, options: FakeApiOptions) {
    this.#ctx = ctx;
    this.intercept = options.intercept;
  }

  get writes(): readonly FakeRequest[] {
    return this.requests.filter((request) => request.method !== 'GET');
  }

  objects<T>(kind: KindRef<T>): T[] {
    const root = kind.group === '' ? '/api/v1' : `/apis/${kind.group}/${kind.version}`;
    return this.#under(root, kind.plural, '') as T[];
  }

  seed(...objects: object[]): void {
    for (const object of objects as Loose[]) {
      const root = object.apiVersion === 'v1' ? '/api/v1' : `/apis/${object.apiVersion}`;
      this.#insert(
        {
          root,
          plural: pluralOf(object.kind),
          namespace: object.metadata.namespace ?? '',
          name: object.metadata.name,
          subresource: '',
        },
        object,
      );
    }
  }

  endWatches(expire = false): void {
    if (expire) this.#compacted = this.#rev + 1;
    for (const watcher of [...this.#watchers]) {
      this.#watchers.delete(watcher);
      watcher.sink.close();
    }
    if (expire) this.#rev += 2;
  }

  async close(): Promise<void> {
    this.endWatches();
  }

  async request(request: ApiRequest, ctx: Ctx): Promise<ApiResponse> {
    ctx.signal.throwIfAborted();
    const body = request.body === undefined ? undefined : JSON.parse(new TextDecoder().decode(request.body));
    const target = parsePath(request.path);
    const call: FakeRequest = { ...target, method: request.method, query: new URLSearchParams(request.query), body };
    this.requests.push(call);
    await undefined;
    try {
      const answer = this.intercept?.(call) ?? this.#answer(call, request.headers['content-type'] ?? '');
      if (answer === WATCH) return this.#watch(call);
      return { status: request.method === 'POST' ? 201 : 200, headers: {}, body: encode(answer) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: error.code, headers: {}, body: encode(error.toStatus()) };
    }
  }

  #answer(call: FakeRequest, contentType: string): object {
    switch (call.method) {
      case 'GET':
        return call.name !== '' ? this.#found(call) : call.query.get('watch') === 'true' ? WATCH : this.#list(call);
      case 'POST':
        return this.#post(call);
      case 'PUT':
        return this.#replace(call, call.body);
      case 'PATCH':
        return this.#patch(call, contentType);
      case 'DELETE':
        return call.name === '' ? this.#deleteAll(call) : this.#delete(call);
      default:
        throw new ApiError('MethodNotAllowed', call.method);
    }
  }

  #list(call: FakeRequest): object {
    const matches = selectorOf(call);
    const items = this.#under(call.root, call.plural, call.namespace).filter(matches);
    const limit = Number(call.query.get('limit') ?? 0) || items.length;
    const from = Number(call.query.get('continue') ?? 0);
    const token = from + limit < items.length ? { continue: String(from + limit) } : {};
    const metadata = { resourceVersion: String(this.#rev), ...token };
    // As upstream: items of a list say neither kind nor apiVersion.
    const bare = items.slice(from, from + limit).map(({ kind: _, apiVersion: __, ...rest }) => rest);
    return { kind: 'List', apiVersion: 'v1', metadata, items: bare };
  }

  #post(call: FakeRequest): object {
    if (call.subresource !== '') return call.body;
    const { generateName, name } = call.body.metadata ?? {};
    const chosen = name ?? `${generateName}${randomSuffix(5, this.#ctx.random)}`;
    const target = { ...call, name: chosen };
    if (this.#objects.has(idOf(target))) throw errors.alreadyExists(resourceOf(target));
    return this.#insert(target, { ...call.body, metadata: { ...call.body.metadata, name: chosen } });
  }

  #insert(target: FakeTarget, object: Loose): object {
    const metadata = {
      uid: this.#ctx.random.uuid(),
      creationTimestamp: formatTime(this.#ctx.clock.nowMs()),
      generation: 1,
      ...object.metadata,
      ...(target.namespace === '' ? {} : { namespace: target.namespace }),
    };
    return this.#commit('ADDED', target, { ...object, metadata });
  }

  #patch(call: FakeRequest, contentType: string): object {
    const present = this.#present(call);
    if (contentType.includes('json-patch'))
      return this.#replace(call, applyJsonPatch(present, call.body as never) as Loose);
    const { resourceVersion, uid } = call.body.metadata ?? {};
    if (uid !== undefined && uid !== present.metadata.uid) throw errors.conflict(resourceOf(call), 'uid mismatch');
    const merged = applyMergePatch(present, call.body) as Loose;
    const metadata = { ...merged.metadata, resourceVersion: resourceVersion ?? present.metadata.resourceVersion };
    return this.#replace(call, { ...merged, metadata });
  }

  #replace(call: FakeRequest, next: Loose): object {
    const present = this.#present(call);
    const version = next.metadata.resourceVersion;
    if (version !== undefined && version !== present.metadata.resourceVersion) {
      throw errors.conflict(
        resourceOf(call),
        'the object has been modified; please apply your changes to the latest version and try again',
      );
    }
    const { generation, deletionTimestamp, uid, creationTimestamp } = present.metadata;
    if (call.subresource === 'status') return this.#replaceStatus(call, present, next);
    const bumped = jsonEqual(present.spec, next.spec) ? generation : generation + 1;
    const metadata = { ...next.metadata, generation: bumped, deletionTimestamp, uid, creationTimestamp };
    const status = present.status === undefined ? next.status : present.status;
    const object = { ...next, metadata, ...(status === undefined || call.subresource !== '' ? {} : { status }) };
    if (
      deletionTimestamp !== undefined &&
      (metadata.finalizers ?? []).length === 0 &&
      !metadata.deletionGracePeriodSeconds
    ) {
      return this.#remove(call, object);
    }
    return jsonEqual(strip(present), strip(object)) ? present : this.#commit('MODIFIED', call, object);
  }

  /** Status, and the metadata that upstream takes with it. */
  #replaceStatus(call: FakeRequest, present: Loose, next: Loose): object {
    const { labels, annotations, finalizers = [] } = next.metadata;
    const written = {
      ...present,
      metadata: { ...present.metadata, labels, annotations, finalizers: next.metadata.finalizers },
      status: next.status,
    };
    const released = (present.metadata.finalizers ?? []).length > 0 && finalizers.length === 0;
    const isOver = present.metadata.deletionTimestamp !== undefined && released;
    return isOver ? this.#remove(call, written) : this.#commit('MODIFIED', call, written);
  }

  #deleteAll(call: FakeRequest): object {
    const matches = selectorOf(call);
    for (const object of this.#under(call.root, call.plural, call.namespace).filter(matches)) {
      this.#delete({ ...call, namespace: object.metadata.namespace ?? '', name: object.metadata.name });
    }
    return { kind: 'Status', apiVersion: 'v1', status: 'Success' };
  }

  #delete(call: FakeRequest): object {
    const present = this.#present(call);
    const { preconditions = {}, propagationPolicy } = call.body ?? {};
    if (preconditions.uid !== undefined && preconditions.uid !== present.metadata.uid) {
      throw errors.conflict(resourceOf(call), 'the UID in the precondition does not match the UID in record');
    }
    if (
      preconditions.resourceVersion !== undefined &&
      preconditions.resourceVersion !== present.metadata.resourceVersion
    ) {
      throw errors.conflict(resourceOf(call), 'the ResourceVersion in the precondition does not match the record');
    }
    const extra =
      propagationPolicy === 'Foreground' ? ['foregroundDeletion'] : propagationPolicy === 'Orphan' ? ['orphan'] : [];
    const finalizers = [...new Set([...(present.metadata.finalizers ?? []), ...extra])];
    if (finalizers.length === 0) return this.#remove(call, present);
    if (present.metadata.deletionTimestamp !== undefined) return present;
    const deletionTimestamp = formatTime(this.#ctx.clock.nowMs());
    const metadata = { ...present.metadata, finalizers, deletionTimestamp, deletionGracePeriodSeconds: 0 };
    return this.#commit('MODIFIED', call, { ...present, metadata });
  }

  #remove(call: FakeTarget, object: Loose): object {
    this.#objects.delete(idOf(call));
    return this.#announce('DELETED', call, object);
  }

  #commit(type: 'ADDED' | 'MODIFIED', target: FakeTarget, object: Loose): object {
    const stamped = this.#announce(type, target, object);
    this.#objects.set(idOf(target), stamped);
    return stamped;
  }

  #announce(type: Change['type'], { root, plural }: FakeTarget, object: Loose): object {
    this.#rev++;
    const stamped = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#rev) } };
    const change: Change = { rev: this.#rev, type, object: stamped, root, plural };
    this.#history.push(change);
    for (const watcher of this.#watchers) send(watcher, change);
    return stamped;
  }

  #watch(call: FakeRequest): ApiResponse {
    const from = Number(call.query.get('resourceVersion') ?? 0);
    return {
      status: 200,
      headers: {},
      body: {
        start: (sink, signal) => {
          if (from < this.#compacted) {
            const status = errors.expired(`too old resource version: ${from} (${this.#compacted})`).toStatus();
            sink.write(encode({ type: 'ERROR', object: status }, '\n'));
            sink.close();
            return;
          }
          const watcher = { request: call, sink };
          for (const change of this.#history) if (change.rev > from) send(watcher, change);
          this.#watchers.add(watcher);
          signal.addEventListener('abort', () => this.#watchers.delete(watcher), { once: true });
        },
      },
    };
  }

  #found(call: FakeTarget): object {
    return this.#present(call);
  }

  #present(call: FakeTarget): Loose {
    const object = this.#objects.get(idOf(call));
    if (object === undefined) throw errors.notFound(resourceOf(call));
    return object;
  }

  #under(root: string, plural: string, namespace: string): Loose[] {
    const prefix = `${root}|${plural}|${namespace === '' ? '' : `${namespace}|`}`;
    return [...this.#objects].filter(([id]) => id.startsWith(prefix)).map(([, object]) => object);
  }
}

const WATCH = {};

function send({ request, sink }: Watcher, { type, object, root, plural }: Change): void {
  if (request.root !== root || request.plural !== plural) return;
  if (request.namespace !== '' && request.namespace !== object.metadata.namespace) return;
  if (selectorOf(request)(object)) sink.write(encode({ type, object }, '\n'));
}

function parsePath(path: string): FakeTarget {
  const match = PATH.exec(path);
  if (match === null) return { root: path, plural: '', namespace: '', name: '', subresource: '' };
  const [, root = '', namespace = '', plural = '', name = '', subresource = ''] = match;
  // Subresources of a Namespace look like a resource in it.
  if (root === '/api/v1' && name === '' && (plural === 'status' || plural === 'finalize')) {
    return { root, plural: 'namespaces', namespace: '', name: namespace, subresource: plural };
  }
  return { root, plural, namespace, name, subresource };
}

function selectorOf({ query }: FakeRequest): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '');
  return (object) => labels.matches(object.metadata.labels) && fields.matches((field) => fieldOf(object, field));
}

function fieldOf(object: object, path: string): string {
  let value: unknown = object;
  for (const step of path.split('.')) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined;
  }
  return value === undefined ? '' : String(value);
}

const idOf = ({ root, plural, namespace, name }: FakeTarget) =>
  `${root}|${plural}|${namespace === '' ? '' : `${namespace}|`}${name}`;

function resourceOf({ root, plural, name }: FakeTarget) {
  return { group: root === '/api/v1' ? '' : (root.split('/')[2] ?? ''), resource: plural, name };
}

function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  if (lower === 'endpoints') return lower;
  if (lower.endsWith('s')) return `${lower}es`;
  return lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}

const strip = (object: Loose) => ({ ...object, metadata: { ...object.metadata, resourceVersion: '' } });

function encode(value: object, tail = ''): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value) + tail);
}
