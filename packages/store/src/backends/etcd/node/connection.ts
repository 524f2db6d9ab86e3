/** Calls to an etcd cluster: one endpoint at a time, the next one when it fails, with a login where there are users. */
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ApiError, type Ctx, sleep } from '@kapella/base';
import { type Endpoint, type EtcdOptions, parseEndpoint } from '../options.ts';
import { isTransient, needsLogin, toApiError } from './errors.ts';

/** One try at one endpoint. */
const ATTEMPT_MS_MAX = 10_000;
/** All tries together. */
const TOTAL_MS_MAX = 30_000;
const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;

type ServiceName = 'KV' | 'Watch' | 'Auth' | 'Maintenance';
// biome-ignore lint/suspicious/noExplicitAny: clients are shaped by the proto file
type ServiceClient = any;

interface Member {
  readonly endpoint: Endpoint;
  readonly clients: Readonly<Record<ServiceName, ServiceClient>>;
}

export type WatchCall = grpc.ClientDuplexStream<object, object>;

const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': 30_000, // upstream: keepaliveTime and keepaliveTimeout of its etcd client
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
};

export class EtcdConnection {
  readonly #members: readonly Member[];
  readonly #auth: EtcdOptions['auth'];
  #current = 0;
  #login: Promise<string> | undefined;

  /** Throws Error when the options cannot be used. Connects when first called. */
  constructor(options: EtcdOptions) {
    if (options.endpoints.length === 0) throw new Error('no etcd endpoint is given');
    const services = loadServices();
    const secure = credentialsOf(options);
    this.#auth = options.auth;
    this.#members = options.endpoints.map(parseEndpoint).map((endpoint) => {
      const credentials = endpoint.secure ? secure : grpc.credentials.createInsecure();
      const make = (name: ServiceName) => new services[name](endpoint.address, credentials, CHANNEL_OPTIONS);
      return {
        endpoint,
        clients: { KV: make('KV'), Watch: make('Watch'), Auth: make('Auth'), Maintenance: make('Maintenance') },
      };
    });
  }

  /** The endpoint that is asked now. */
  get endpoint(): string {
    return this.#member.endpoint.text;
  }

  get #member(): Member {
    return this.#members[this.#current] as Member;
  }

  /** Once, at the present endpoint. Rejects with gRPC's error; what was asked for may then have been done. */
  async once<R>(
    service: ServiceName,
    method: string,
    request: object,
    ctx: Ctx,
    deadlineMs = ATTEMPT_MS_MAX,
  ): Promise<R> {
    const at = this.#current;
    const member = this.#member;
    try {
      const metadata = await this.#metadata(member, ctx);
      return await call<R>(member.clients[service], method, request, metadata, deadlineMs, ctx);
    } catch (error) {
      if (needsLogin(error)) this.#login = undefined;
      else if (isTransient(error)) this.#leave(at);
      throw error;
    }
  }

  /** Again, at every endpoint in turn, until one answers: for what may be repeated. Throws ApiError. */
  read<R>(service: ServiceName, method: string, request: object, what: string, ctx: Ctx): Promise<R> {
    return this.repeat(() => this.once<R>(service, method, request, ctx), what, ctx);
  }

  /** Throws ApiError: ServiceUnavailable or Timeout after 30 s of failures that may pass. */
  async repeat<R>(attempt: () => Promise<R>, what: string, ctx: Ctx): Promise<R> {
    const endMs = ctx.clock.monotonicMs() + TOTAL_MS_MAX;
    let logins = 0;
    for (let tries = 0; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        const mayPass = isTransient(error) || (this.#auth !== undefined && needsLogin(error) && ++logins <= 2);
        if (!mayPass || ctx.signal.aborted || ctx.clock.monotonicMs() > endMs) throw toApiError(error, what);
        await this.pause(tries, ctx);
      }
    }
  }

  /** Longer with each failure, once every endpoint had its turn. */
  async pause(tries: number, ctx: Ctx): Promise<void> {
    const rounds = Math.floor(tries / this.#members.length);
    await sleep(Math.min(RETRY_MS_MIN * 2 ** rounds, RETRY_MS_MAX), ctx);
  }

  /** A watch stream at the present endpoint, which ends when that member has no leader. */
  async watch(ctx: Ctx): Promise<{ readonly call: WatchCall; failed(error: unknown): void }> {
    const at = this.#current;
    const member = this.#member;
    const metadata = await this.#metadata(member, ctx);
    metadata.set('hasleader', 'true');
    return {
      call: member.clients.Watch.watch(metadata) as WatchCall,
      failed: (error) => {
        if (needsLogin(error)) this.#login = undefined;
        this.#leave(at);
      },
    };
  }

  close(): void {
    for (const { clients } of this.#members) for (const client of Object.values(clients)) client.close();
  }

  #leave(at: number): void {
    // Many calls may fail together: they leave once.
    if (this.#current === at) this.#current = (at + 1) % this.#members.length;
  }

  async #metadata(member: Member, ctx: Ctx): Promise<grpc.Metadata> {
    const metadata = new grpc.Metadata();
    if (this.#auth === undefined) return metadata;
    this.#login ??= this.#authenticate(member, this.#auth, ctx);
    metadata.set('token', await this.#login);
    return metadata;
  }

  async #authenticate(member: Member, auth: NonNullable<EtcdOptions['auth']>, ctx: Ctx): Promise<string> {
    const request = { name: auth.user, password: auth.password };
    try {
      const empty = new grpc.Metadata();
      const { token } = await call<{ token: string }>(
        member.clients.Auth,
        'authenticate',
        request,
        empty,
        ATTEMPT_MS_MAX,
        ctx,
      );
      return token;
    } catch (error) {
      this.#login = undefined;
      throw error;
    }
  }
}

function loadServices(): Record<ServiceName, new (...args: unknown[]) => ServiceClient> {
  const path = fileURLToPath(new URL('etcd.proto', import.meta.url));
  const definition = loadSync(path, { longs: Number, enums: String, defaults: true, oneofs: false });
  return grpc.loadPackageDefinition(definition)['etcdserverpb'] as never;
}

function credentialsOf({ tls = {} }: EtcdOptions): grpc.ChannelCredentials {
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return grpc.credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.certificate));
}

function call<R>(
  client: ServiceClient,
  method: string,
  request: object,
  metadata: grpc.Metadata,
  deadlineMs: number,
  ctx: Ctx,
): Promise<R> {
  return new Promise((resolve, reject) => {
    if (ctx.signal.aborted) {
      reject(new ApiError('ServiceUnavailable', 'the request was given up', { cause: ctx.signal.reason }));
      return;
    }
    const running = client[method](
      request,
      metadata,
      { deadline: Date.now() + deadlineMs },
      (error: unknown, answer: R) => {
        ctx.signal.removeEventListener('abort', onAbort);
        if (error) reject(error);
        else resolve(answer);
      },
    );
    const onAbort = () => running.cancel();
    ctx.signal.addEventListener('abort', onAbort, { once: true });
  });
}
