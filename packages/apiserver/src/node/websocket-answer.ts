/**
 * Answers to a plain GET in the messages of a WebSocket: a log piece by piece, a watch event by event.
 * Source: k8s.io/streaming wsstream/stream.go (Reader), apiserver/pkg/endpoints/handlers/watch.go (HandleWS).
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ApiResponse, ByteSink } from '@kapella/client';
import { type WebSocket, WebSocketServer } from 'ws';
import { parseRequestInfo } from '../http/request-info.ts';

const BINARY = 'binary.k8s.io';
const BASE64 = 'base64.binary.k8s.io';
/** Above this the source is held back until the client has read on. */
const WAITING_BYTES_MAX = 256 * 1024;
const LOG = /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+\/log$/;
const NEWLINE = 10;
const LENGTH_BYTES = 4;
/** Says who asks; it is no protocol. */
const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

const watchSockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  // Whatever the client calls it; what it sends is not read.
  handleProtocols: (offered) => [...offered].find((protocol) => !protocol.startsWith(TOKEN_PROTOCOL)) ?? false,
});

const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  handleProtocols: (offered) => [BINARY, BASE64].find((protocol) => offered.has(protocol)) ?? false,
});

/** Whether an upgrade asks for an answer that is no stream of the node's own; undefined: it does not. */
export function messagesOf({ method = 'GET', url = '', headers }: IncomingMessage): 'log' | 'watch' | undefined {
  if (headers.upgrade?.toLowerCase() !== 'websocket' || method !== 'GET') return undefined;
  const [path = '', query = ''] = url.split('?');
  if (LOG.test(path)) return 'log';
  return parseRequestInfo(method, path, new URLSearchParams(query)).verb === 'watch' ? 'watch' : undefined;
}

/**
 * Takes the connection over. What the client sends is ignored; the WebSocket closes with the end of the answer, and when
 * `ended` aborts.
 */
export function answerInMessages(
  what: 'log' | 'watch',
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  response: ApiResponse,
  ended: AbortSignal,
): void {
  const isWatch = what === 'watch';
  (isWatch ? watchSockets : sockets).handleUpgrade(request, client, head, (socket) => {
    const sink = isWatch ? eventSinkOf(socket, String(response.headers['content-type'])) : sinkOf(socket);
    if (!isWatch) sink.write(new Uint8Array()); // says that the answer begins
    if (response.body instanceof Uint8Array) {
      sink.write(response.body);
      sink.close();
      return;
    }
    const gone = new AbortController();
    const leave = () => {
      gone.abort();
      socket.close(1000);
    };
    ended.addEventListener('abort', leave, { once: true });
    socket.on('close', () => {
      ended.removeEventListener('abort', leave);
      gone.abort();
    });
    socket.on('error', () => gone.abort());
    response.body.start(sink, gone.signal);
  });
}

/** A message for each event: text for JSON, binary without the length for the rest. */
function eventSinkOf(socket: WebSocket, contentType: string): ByteSink {
  const isText = contentType.startsWith('application/json');
  const sink = sinkOf(socket);
  return {
    ...sink,
    write(chunk) {
      let goesOn = true;
      for (const event of isText ? linesOf(chunk) : lengthsOf(chunk)) {
        goesOn = sink.message(event, isText);
      }
      return goesOn;
    },
  };
}

/** Chunks of a watch hold whole events. */
function* linesOf(chunk: Uint8Array): Generator<Uint8Array, void> {
  for (let from = 0; from < chunk.length; ) {
    const end = chunk.indexOf(NEWLINE, from) + 1 || chunk.length;
    yield chunk.subarray(from, end);
    from = end;
  }
}

function* lengthsOf(chunk: Uint8Array): Generator<Uint8Array, void> {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  for (let from = 0; from + LENGTH_BYTES <= chunk.length; ) {
    const end = from + LENGTH_BYTES + view.getUint32(from);
    yield chunk.subarray(from + LENGTH_BYTES, end);
    from = end;
  }
}

interface MessageSink extends ByteSink {
  message(chunk: Uint8Array, isText: boolean): boolean;
}

function sinkOf(socket: WebSocket): MessageSink {
  let onDrain = () => {};
  let waitingBytes = 0;
  const message = (chunk: Uint8Array, isText: boolean) => {
    waitingBytes += chunk.length;
    const data = socket.protocol === BASE64 ? Buffer.from(chunk).toString('base64') : chunk;
    socket.send(data, { binary: !isText && typeof data !== 'string' }, () => {
      waitingBytes -= chunk.length;
      if (waitingBytes < WAITING_BYTES_MAX) onDrain();
    });
    return waitingBytes < WAITING_BYTES_MAX;
  };
  return {
    message,
    write: (chunk) => message(chunk, false),
    close: (error) => socket.close(error === undefined ? 1000 : 1011),
    onDrain(fn) {
      onDrain = fn;
    },
  };
}
