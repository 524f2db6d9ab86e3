/** A SPDY/3.1 client on an upgraded HTTP connection: how the node agent speaks to containerd's streaming server. */
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { createInflate, constants, type Inflate } from 'node:zlib';
import { spdyDictionary } from '../spdy-dictionary.ts';
import {
  dataFrame,
  encodeHeaders,
  pingFrame,
  type SpdyFrame,
  SpdyParser,
  StoredDeflater,
  synStreamFrame,
} from '../spdy-frames.ts';

const DIAL_MS_MAX = 10_000;

export interface SpdyStream {
  /** False: the socket is full, wait for `onDrain` of the connection. */
  write(data: Uint8Array): boolean;
  /** Half-close: the other side may go on. */
  end(): void;
  onData: (data: Uint8Array) => void;
  onEnd: () => void;
}

export interface SpdyConnection {
  open(headers: Readonly<Record<string, string>>): SpdyStream;
  /** Stops reading from the peer until resumed: back-pressure. */
  pause(): void;
  resume(): void;
  onDrain: () => void;
  onClose: (error: Error | undefined) => void;
  close(): void;
}

/** Upgrades `url` (http) with one of `protocols`; rejects with the server's answer when it refuses. */
export function dialUpgrade(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ socket: Socket; head: Buffer; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const dial = request(url, { method: 'POST', headers: { connection: 'Upgrade', ...headers }, timeout: DIAL_MS_MAX });
    dial.on('upgrade', (response, socket, head) => {
      (socket as Socket).setNoDelay(true);
      socket.setTimeout(0);
      resolve({ socket: socket as Socket, head, response });
    });
    dial.on('response', (response) => {
      response.resume();
      reject(new Error(`the runtime refused the stream: HTTP ${response.statusCode}`));
    });
    dial.on('timeout', () =>
      dial.destroy(new Error(`the runtime's streaming server did not answer in ${DIAL_MS_MAX / 1000} s`)),
    );
    dial.on('error', reject);
    dial.end();
  });
}

export async function connectSpdy(url: string, protocol: string): Promise<SpdyConnection> {
  const { socket, head } = await dialUpgrade(url, { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocol });
  return new ClientConnection(socket, head);
}

class ClientConnection implements SpdyConnection {
  onDrain: () => void = () => {};
  onClose: (error: Error | undefined) => void = () => {};
  readonly #socket: Socket;
  readonly #parser = new SpdyParser();
  readonly #deflater = new StoredDeflater();
  readonly #inflate: Inflate;
  readonly #streams = new Map<number, ClientStream>();
  #nextId = 1;
  #closed = false;

  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.#inflate = createInflate({ dictionary: spdyDictionary(), finishFlush: constants.Z_SYNC_FLUSH });
    this.#inflate.on('data', () => {}); // replies carry no header that is needed, but keep the window in step
    this.#inflate.on('error', (error) => this.#end(error));
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(undefined));
    if (head.length > 0) this.#take(head);
  }

  open(headers: Readonly<Record<string, string>>): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new ClientStream(id, this.#socket);
    this.#streams.set(id, stream);
    this.#socket.write(synStreamFrame(id, this.#deflater.wrap(encodeHeaders(new Map(Object.entries(headers))))));
    return stream;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Uint8Array): void {
    try {
      for (const frame of this.#parser.push(chunk)) this.#handle(frame);
    } catch (error) {
      this.#socket.destroy();
      this.#end(error as Error);
    }
  }

  #handle(frame: SpdyFrame): void {
    switch (frame.type) {
      case 'data': {
        const stream = this.#streams.get(frame.streamId);
        if (frame.data.length > 0) stream?.onData(frame.data);
        if (frame.fin) stream?.ended();
        return;
      }
      case 'synReply':
      case 'headers':
        this.#inflate.write(frame.block);
        if (frame.fin) this.#streams.get(frame.streamId)?.ended();
        return;
      case 'rst':
        this.#streams.get(frame.streamId)?.ended();
        return;
      case 'ping':
        if (frame.id % 2 === 0) this.#socket.write(pingFrame(frame.id));
        return;
      default:
        return;
    }
  }

  #end(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inflate.destroy();
    for (const stream of this.#streams.values()) stream.ended();
    this.onClose(error);
  }
}

class ClientStream implements SpdyStream {
  onData: (data: Uint8Array) => void = () => {};
  onEnd: () => void = () => {};
  readonly #id: number;
  readonly #socket: Socket;
  #ended = false;
  #finished = false;

  constructor(id: number, socket: Socket) {
    this.#id = id;
    this.#socket = socket;
  }

  write(data: Uint8Array): boolean {
    return this.#finished || this.#socket.write(dataFrame(this.#id, data, false));
  }

  end(): void {
    if (this.#finished) return;
    this.#finished = true;
    if (this.#socket.writable) this.#socket.write(dataFrame(this.#id, new Uint8Array(0), true));
  }

  ended(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.onEnd();
  }
}
