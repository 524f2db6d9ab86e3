/** Streams that need no translation: SPDY clients to containerd byte for byte, and SPDY tunnelled in a WebSocket. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { PORT_FORWARD_TUNNEL } from '../channels.ts';
import { dialUpgrade } from './spdy-client.ts';

const BUFFERED_BYTES_MAX = 1 << 20;

/** A client that speaks SPDY itself: its upgrade is repeated to the runtime, then bytes flow both ways. */
export async function relaySpdy(request: IncomingMessage, client: Duplex, head: Buffer, url: string): Promise<void> {
  const offered = request.headers['x-stream-protocol-version'];
  const protocols = Array.isArray(offered) ? offered.join(', ') : offered;
  const runtime = await dialUpgrade(url, {
    upgrade: 'SPDY/3.1',
    ...(protocols === undefined ? {} : { 'x-stream-protocol-version': protocols }),
  });
  const chosen = runtime.response.headers['x-stream-protocol-version'];
  client.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
      `${chosen === undefined ? '' : `X-Stream-Protocol-Version: ${chosen}\r\n`}\r\n`,
  );
  if (runtime.head.length > 0) client.write(runtime.head);
  if (head.length > 0) runtime.socket.write(head);
  pipeBoth(client, runtime.socket);
}

function pipeBoth(a: Duplex, b: Duplex): void {
  a.pipe(b);
  b.pipe(a);
  const end = () => {
    a.destroy();
    b.destroy();
  };
  for (const side of [a, b]) side.on('error', end).on('close', end);
}

export interface TunnelServer {
  handle(request: IncomingMessage, socket: Duplex, head: Buffer, url: string): void;
}

/** kubectl port-forward: SPDY frames inside binary WebSocket messages. Source: KEP-4006, portforward tunneling. */
export function createPortForwardTunnel(): TunnelServer {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PORT_FORWARD_TUNNEL) ? PORT_FORWARD_TUNNEL : false),
  });
  return {
    handle(request, socket, head, url) {
      server.handleUpgrade(request, socket, head, (client) => {
        client.pause();
        const headers = { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'portforward.k8s.io' };
        dialUpgrade(url, headers).then(
          (runtime) => tunnel(client, runtime.socket, runtime.head),
          () => {
            client.resume();
            client.close(1011);
          },
        );
      });
    },
  };
}

function tunnel(client: WebSocket, runtime: Socket, head: Buffer): void {
  const send = (data: Buffer) => {
    client.send(data, () => {
      if (client.bufferedAmount <= BUFFERED_BYTES_MAX / 2) runtime.resume();
    });
    if (client.bufferedAmount > BUFFERED_BYTES_MAX) runtime.pause();
  };
  if (head.length > 0) send(head);
  runtime.on('data', send);
  runtime.on('drain', () => client.resume());
  runtime.on('error', () => client.close(1011));
  runtime.on('close', () => client.close(1000));
  client.on('message', (message) => {
    if (!runtime.write(message as Buffer)) client.pause();
  });
  client.on('close', () => runtime.destroy());
  client.on('error', () => runtime.destroy());
  client.resume();
}
