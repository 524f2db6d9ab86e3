/** Ways to change what goes between a component and the server: the tools that planted bugs are made of. */
import type { UserInfo } from '@kapella/apiserver';
import { ApiError, type Ctx } from '@kapella/base';
import type { ApiRequest, ApiResponse, ByteSink, Transport } from '@kapella/client';
import type { Mutation } from '../sim/mutation.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const SYSTEM = 'system:serviceaccount:kube-system:';

export interface Match {
  /** Name of a controller's service account, or a whole user name; `system:node:` stands for all nodes. */
  readonly user: string;
  readonly method: string;
  readonly path: RegExp;
}

export function isMatch({ user, method, path }: Match, request: ApiRequest, who: UserInfo): boolean {
  const isUser =
    who.username === user || who.username === SYSTEM + user || (user.endsWith(':') && who.username.startsWith(user));
  return isUser && method.split('|').includes(request.method) && path.test(request.path);
}

export type Handler = (
  request: ApiRequest,
  send: (request: ApiRequest) => Promise<ApiResponse>,
) => Promise<ApiResponse>;
type Wrap = (name: string, user: UserInfo, transport: Transport) => Transport;

/** A planted bug in one line of a table; `user`, `method` and `path` are a Match. */
export type Row = readonly [
  name: string,
  text: string,
  caughtBy: readonly string[],
  user: string,
  method: string,
  path: RegExp,
  make: () => Handler,
];

export function mutationOf([name, text, caughtBy, user, method, path, make]: Row): Mutation {
  // Made anew for each run: some of them remember what they have seen.
  return { name, text, caughtBy, transport: () => onRequests({ user, method, path }, make) };
}

/** Hands the requests that match to `handle`. Each wrapped transport gets a handler of its own. */
export function onRequests(match: Match, make: () => Handler): Wrap {
  const handle = make();
  return (_name, user, transport) => ({
    request: (request, ctx: Ctx) => {
      const send = (changed: ApiRequest) => transport.request(changed, ctx);
      return isMatch(match, request, user) ? handle(request, send) : send(request);
    },
    close: () => transport.close(),
  });
}

/** Never gets through. */
export const refuse: () => Handler = () => async () => {
  const status = new ApiError('InternalError', 'planted').toStatus();
  return { ...ok(status), status: 500 };
};
/** Does it twice. */
export const twice: () => Handler = () => async (request, send) => {
  await send(request);
  return send(request);
};
/** Sends another body. */
export const changed =
  (change: (body: Body) => Body): (() => Handler) =>
  () =>
  (request, send) => {
    const body = bodyOf(request);
    return send(body === undefined ? request : { ...request, body: encoder.encode(JSON.stringify(change(body))) });
  };

// biome-ignore lint/suspicious/noExplicitAny: bodies of any kind
export type Body = Readonly<Record<string, any>>;

export function bodyOf({ body }: ApiRequest): Body | undefined {
  return body === undefined ? undefined : (JSON.parse(decoder.decode(body)) as Body);
}

export function jsonOf({ body }: ApiResponse): Body {
  return body instanceof Uint8Array ? (JSON.parse(decoder.decode(body)) as Body) : {};
}

export const ok = (body: object): ApiResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: encoder.encode(JSON.stringify(body)),
});

/** Changes the lines of watches that a component of this name reads. */
export function onWatchLines(component: RegExp, make: () => (line: string) => readonly string[]): Wrap {
  return (name, _user, transport) => ({
    async request(request, ctx) {
      const response = await transport.request(request, ctx);
      const { body } = response;
      if (!component.test(name) || body instanceof Uint8Array || !request.query.includes('watch=true')) return response;
      const change = make();
      return { ...response, body: { start: (sink, signal) => body.start(changing(sink, change), signal) } };
    },
    close: () => transport.close(),
  });
}

function changing(sink: ByteSink, change: (line: string) => readonly string[]): ByteSink {
  return {
    write(chunk) {
      const lines = decoder
        .decode(chunk)
        .split('\n')
        .filter((line) => line !== '');
      const text = lines
        .flatMap(change)
        .map((line) => `${line}\n`)
        .join('');
      return text === '' ? true : sink.write(encoder.encode(text));
    },
    close: (error) => sink.close(error),
    onDrain: (fn) => sink.onDrain(fn),
  };
}
