/** exec and attach over a client's WebSocket, bridged to containerd's SPDY streams with back-pressure both ways. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { StreamOptions } from '../../server-source.ts';
import {
  CHANNEL,
  channelMessage,
  failureStatus,
  parseMessage,
  REMOTE_COMMAND_PROTOCOLS,
  SUCCESS_STATUS,
} from '../channels.ts';
import { connectSpdy, type SpdyConnection, type SpdyStream } from './spdy-client.ts';

/** Bytes waiting for a slow client before the runtime is held back. */
const BUFFERED_BYTES_MAX = 1 << 20;
const MESSAGE_BYTES_MAX = 1 << 20;

export interface RemoteCommandServer {
  handle(request: IncomingMessage, socket: Duplex, head: Buffer, url: string, options: StreamOptions): void;
}

/** `url`: the runtime's, as CRI Exec or Attach answered it. */
export function createRemoteCommandServer(): RemoteCommandServer {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: (offered) => REMOTE_COMMAND_PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
  });
  return {
    handle(request, socket, head, url, options) {
      server.handleUpgrade(request, socket, head, (client) => {
        client.pause(); // nothing is lost while the runtime is dialled
        connectSpdy(url, 'v4.channel.k8s.io').then(
          (runtime) => bridge(client, runtime, options),
          (error: Error) => refuse(client, error.message),
        );
      });
    },
  };
}

function refuse(client: WebSocket, message: string): void {
  client.send(channelMessage(CHANNEL.error, failureStatus(message)), () => client.close(1011));
  client.resume();
}

interface Outputs {
  readonly open: Set<string>;
  status: Uint8Array | undefined;
  /** The status is said once: kubectl reads a second one as an error. */
  said: boolean;
}

function bridge(client: WebSocket, runtime: SpdyConnection, options: StreamOptions): void {
  const stream = (streamtype: string) => runtime.open({ streamtype });
  const error = stream('error');
  const stdin = options.stdin ? stream('stdin') : undefined;
  const outputs: Outputs = { open: new Set(['error']), status: undefined, said: false };
  const finish = () => {
    if (outputs.open.size > 0 || outputs.said) return;
    outputs.said = true;
    client.send(channelMessage(CHANNEL.error, outputs.status ?? SUCCESS_STATUS), () => client.close(1000));
  };
  const output = (name: 'stdout' | 'stderr') => {
    outputs.open.add(name);
    const source = stream(name);
    source.onData = (data) => forward(client, runtime, channelMessage(CHANNEL[name], data));
    source.onEnd = () => {
      outputs.open.delete(name);
      finish();
    };
  };
  if (options.stdout) output('stdout');
  if (options.stderr && !options.tty) output('stderr');
  const resize = options.tty ? stream('resize') : undefined;
  error.onData = (data) => {
    outputs.status = data;
  };
  error.onEnd = () => {
    outputs.open.delete('error');
    finish();
  };
  runtime.onClose = () => {
    outputs.open.clear();
    if (client.readyState === client.OPEN) finish();
  };
  runtime.onDrain = () => client.resume();
  client.on('message', (message) => takeMessage(message as Buffer, stdin, resize, () => client.pause()));
  client.on('close', () => runtime.close());
  client.on('error', () => runtime.close());
  client.resume();
}

function takeMessage(
  message: Buffer,
  stdin: SpdyStream | undefined,
  resize: SpdyStream | undefined,
  hold: () => void,
): void {
  const parsed = parseMessage(message);
  if (parsed?.channel === CHANNEL.stdin && stdin?.write(parsed.data) === false) hold();
  else if (parsed?.channel === CHANNEL.resize) resize?.write(parsed.data);
  else if (parsed?.channel === CHANNEL.close && parsed.data[0] === CHANNEL.stdin) stdin?.end();
}

function forward(client: WebSocket, runtime: SpdyConnection, message: Uint8Array): void {
  if (client.readyState !== client.OPEN) return;
  client.send(message, () => {
    if (client.bufferedAmount <= BUFFERED_BYTES_MAX / 2) runtime.resume();
  });
  if (client.bufferedAmount > BUFFERED_BYTES_MAX) runtime.pause();
}
