/** A log over a WebSocket: the answer to the plain GET, in messages. Source: k8s.io/streaming wsstream/stream.go (Reader). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ApiResponse, ByteSink } from '@kapella/client';
import { type WebSocket, WebSocketServer } from 'ws';

const BINARY = 'binary.k8s.io';
const BASE64 = 'base64.binary.k8s.io';
/** Above this the source is held back until the client has read on. */
const WAITING_BYTES_MAX = 256 * 1024;
const LOG = /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+\/log$/;

const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  handleProtocols: (offered) => [BINARY, BASE64].find((protocol) => offered.has(protocol)) ?? false,
});

/** Whether an upgrade asks for an answer that is no stream of the node's own. */
export function asksForMessages({ url = '', headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && LOG.test(url.split('?')[0] as string);
}

/** Takes the connection over. What the client sends is ignored; the WebSocket closes with the end of the answer. */
export function answerInMessages(request: IncomingMessage, client: Duplex, head: Buffer, response: ApiResponse): void {
  sockets.handleUpgrade(request, client, head, (socket) => {
    const sink = sinkOf(socket);
    sink.write(new Uint8Array()); // says that the answer begins
    if (response.body instanceof Uint8Array) {
      sink.write(response.body);
      sink.close();
      return;
    }
    const gone = new AbortController();
    socket.on('close', () => gone.abort());
    socket.on('error', () => gone.abort());
    response.body.start(sink, gone.signal);
  });
}

function sinkOf(socket: WebSocket): ByteSink {
  let onDrain = () => {};
  let waitingBytes = 0;
  return {
    write(chunk) {
      waitingBytes += chunk.length;
      socket.send(socket.protocol === BASE64 ? Buffer.from(chunk).toString('base64') : chunk, () => {
        waitingBytes -= chunk.length;
        if (waitingBytes < WAITING_BYTES_MAX) onDrain();
      });
      return waitingBytes < WAITING_BYTES_MAX;
    },
    close: (error) => socket.close(error === undefined ? 1000 : 1011),
    onDrain(fn) {
      onDrain = fn;
    },
  };
}
