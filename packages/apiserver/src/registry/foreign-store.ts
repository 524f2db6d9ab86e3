/**
 * A store that upstream's kube-apiserver has written to: built-in kinds in protobuf, the rest in JSON of another order.
 * What is read comes out as this server writes it; what it writes it writes in its own way, which upstream reads.
 */
import { type BuiltInTypeFacts, type ProtobufCodec, readEnvelope, type UnknownObject } from '@kapella/api';
import { ApiError, type Ctx, parseExactJson, stringifyExactJson } from '@kapella/base';
import {
  type CommitResult,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type Store,
  type StoreEvent,
  UnreadableError,
  type WatchSink,
  type Write,
} from '@kapella/store';
import { gvkOf } from '../codec/body-kind.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** `k8s\0`, before every protobuf value. */
const ENVELOPE = Uint8Array.of(0x6b, 0x38, 0x73, 0);

/** Go ends JSON with a newline. */
const CLOSING = 0x7d;

export type Translate = (key: string, value: Uint8Array) => Uint8Array;

export interface TranslatorParts {
  readonly codec: ProtobufCodec;
  readonly facts: BuiltInTypeFacts;
  /** What every value of this server's begins with: `{"kind":"Pod","apiVersion":"v1",`. */
  readonly start: string;
  /** Of a built-in kind, how it is stored here; custom resources lie in any version. */
  readonly apiVersion?: string;
  readonly fromOlder?: Readonly<Record<string, (object: UnknownObject) => UnknownObject>>;
  /** As upstream: what is read has today's defaults. */
  readonly withDefaults?: (object: UnknownObject) => UnknownObject;
}

/** Values as this server would have written them; its own are not looked into. Throws UnreadableError. */
export function createTranslator(parts: TranslatorParts): Translate {
  const { start, apiVersion, fromOlder = {}, withDefaults = (object: UnknownObject) => object } = parts;
  const today = (object: UnknownObject): UnknownObject => {
    if (apiVersion === undefined || object.apiVersion === apiVersion) return object;
    const convert = Object.hasOwn(fromOlder, object.apiVersion) ? fromOlder[object.apiVersion] : undefined;
    if (convert === undefined)
      throw new Error(`${object.kind} is stored as ${object.apiVersion}, not as ${apiVersion}`);
    return { ...convert(object), apiVersion };
  };
  const own = encoder.encode(start);
  return (key, value) => {
    if (value.length === 0 || (startsWith(value, own) && value[value.length - 1] === CLOSING)) return value;
    try {
      return inOrder(withDefaults(today(startsWith(value, ENVELOPE) ? fromProtobuf(value, parts) : parse(value))));
    } catch (error) {
      const why = `unable to decode key ${JSON.stringify(key)}: ${(error as Error).message}`;
      throw new UnreadableError('InternalError', why, { cause: error });
    }
  };
}

function fromProtobuf(value: Uint8Array, { codec, facts }: TranslatorParts): UnknownObject {
  const { kind, apiVersion, raw } = readEnvelope(value);
  const typeId = facts.typeIdOf(gvkOf({ kind, apiVersion }));
  if (typeId === undefined) throw new Error(`no kind "${kind}" is known of version "${apiVersion}"`);
  return { ...codec.decodeMessage(raw, typeId), kind, apiVersion } as unknown as UnknownObject;
}

function parse(value: Uint8Array): UnknownObject {
  const object = parseExactJson(decoder.decode(value)) as UnknownObject;
  if (typeof object !== 'object' || object === null || typeof object.metadata !== 'object') {
    throw new ApiError('InternalError', 'a stored value is no object');
  }
  return object;
}

function inOrder({ kind, apiVersion, metadata, ...rest }: UnknownObject): Uint8Array {
  const { resourceVersion: _, ...meta } = metadata;
  return encoder.encode(stringifyExactJson({ kind, apiVersion, metadata: meta, ...rest }));
}

function startsWith(value: Uint8Array, start: Uint8Array): boolean {
  for (let i = 0; i < start.length; i++) if (value[i] !== start[i]) return false;
  return true;
}

/** Closing it leaves `inner` open. */
export function createForeignStore(inner: Store, translate: Translate): Store {
  return new ForeignStore(inner, translate);
}

class ForeignStore implements Store {
  readonly backend: string;
  readonly embedded: boolean;
  readonly #inner: Store;
  readonly #translate: Translate;

  constructor(inner: Store, translate: Translate) {
    this.backend = inner.backend;
    this.embedded = inner.embedded;
    this.#inner = inner;
    this.#translate = translate;
  }

  async get(key: string, ctx: Ctx): Promise<KeyValue | undefined> {
    return this.#read(await this.#inner.get(key, ctx));
  }

  async list(prefix: string, options: ListOptions, ctx: Ctx): Promise<ListResult> {
    const result = await this.#inner.list(prefix, { ...options, lazy: false }, ctx);
    return { ...result, items: result.items.map((item) => this.#read(item) as KeyValue) };
  }

  async commit(write: Write, ctx: Ctx): Promise<CommitResult> {
    const result = await this.#inner.commit(write, ctx);
    return result.ok ? result : { ok: false, current: this.#read(result.current) };
  }

  watch(prefix: string, afterRevision: number, sink: WatchSink): () => void {
    const read = (event: StoreEvent): StoreEvent => ({
      ...event,
      value: this.#translate(event.key, event.value),
      previous: this.#read(event.previous),
    });
    let isBroken = false;
    return this.#inner.watch(prefix, afterRevision, {
      events(events) {
        if (isBroken) return;
        try {
          sink.events(events.map(read));
        } catch (error) {
          isBroken = true;
          sink.closed(error as Error);
        }
      },
      progress: (revision) => isBroken || sink.progress(revision),
      closed: (error) => isBroken || sink.closed(error),
    });
  }

  currentRevision(ctx: Ctx): Promise<number> {
    return this.#inner.currentRevision(ctx);
  }

  requestProgress(revision: number): void {
    this.#inner.requestProgress(revision);
  }

  compact(revision: number, ctx: Ctx): Promise<void> {
    return this.#inner.compact(revision, ctx);
  }

  async needsRewrite(key: string, ctx: Ctx): Promise<boolean> {
    return (await this.#inner.needsRewrite?.(key, ctx)) === true;
  }

  async close(): Promise<void> {}

  #read(stored: KeyValue | undefined): KeyValue | undefined {
    if (stored === undefined) return undefined;
    const value = this.#translate(stored.key, stored.value);
    return value === stored.value ? stored : { ...stored, value };
  }
}
