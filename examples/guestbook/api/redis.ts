/** A small Redis client: one connection, commands in a row, reconnects. Source: the RESP2 protocol. */
import { connect, type Socket } from 'node:net';

export type Reply = string | number | null | readonly Reply[];

export interface RedisOptions {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly timeoutMs: number;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** Fails a command when the connection breaks; the next one connects again, to whatever address the name then has. */
export class Redis {
  readonly #options: RedisOptions;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting[] = [];

  constructor(options: RedisOptions) {
    this.#options = options;
  }

  async command(...args: readonly string[]): Promise<Reply> {
    const socket = this.#socket ?? this.#open();
    return this.#send(socket, args);
  }

  close(): void {
    this.#socket?.destroy();
  }

  #send(socket: Socket, args: readonly string[]): Promise<Reply> {
    const parts = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      socket.write(`*${args.length}\r\n${parts.join('')}`);
    });
  }

  #open(): Socket {
    const { host, port, password, timeoutMs } = this.#options;
    const socket = connect({ host, port, noDelay: true });
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    socket.setTimeout(timeoutMs, () => {
      if (this.#waiting.length > 0) socket.destroy(new Error('the database does not answer'));
    });
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(socket, error));
    socket.on('close', () => this.#fail(socket, new Error('the connection to the database was closed')));
    if (password !== '') this.#send(socket, ['AUTH', password]).catch((error: Error) => socket.destroy(error));
    return socket;
  }

  #fail(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const parsed = parseReply(this.#received, 0);
      if (parsed === undefined) return;
      this.#received = this.#received.subarray(parsed.end);
      const waiting = this.#waiting.shift();
      if (parsed.error !== undefined) waiting?.reject(new Error(parsed.error));
      else waiting?.resolve(parsed.reply);
    }
  }
}

interface Parsed {
  readonly reply: Reply;
  readonly error?: string;
  readonly end: number;
}

/** One reply from `start`; undefined while it is not complete. */
export function parseReply(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const text = bytes.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return { reply: text, end };
    case '-':
      return { reply: null, error: text, end };
    case ':':
      return { reply: Number(text), end };
    case '$': {
      const size = Number(text);
      if (size < 0) return { reply: null, end };
      if (bytes.length < end + size + 2) return undefined;
      return { reply: bytes.toString('utf8', end, end + size), end: end + size + 2 };
    }
    case '*':
      return parseArray(bytes, Number(text), end);
    default:
      throw new Error('the database does not speak RESP');
  }
}

function parseArray(bytes: Buffer, count: number, start: number): Parsed | undefined {
  const items: Reply[] = [];
  let end = start;
  for (let i = 0; i < count; i++) {
    const item = parseReply(bytes, end);
    if (item === undefined) return undefined;
    items.push(item.reply);
    end = item.end;
  }
  return { reply: items, end };
}
