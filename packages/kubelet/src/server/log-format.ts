/** The CRI log format: `TIME STREAM TAGS CONTENT`, a line of the container in one or more pieces. Source: cri-api, logs. */

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Lines from the end; undefined: all. */
  readonly tailLines: number | undefined;
  /** Only lines at or after this time, RFC 3339 compared as milliseconds. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
  readonly stream: 'All' | 'Stdout' | 'Stderr';
}

export interface LogPiece {
  /** RFC 3339 with nanoseconds, as written by the runtime. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** False: the container's line goes on in the next piece, no newline follows. */
  readonly whole: boolean;
  readonly content: Uint8Array;
}

const SPACE = 0x20;

/** One line of the file without its newline; undefined when it is none of the format. */
export function parseLogLine(line: Uint8Array): LogPiece | undefined {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  const third = line.indexOf(SPACE, second + 1);
  if (first < 0 || second < 0) return undefined;
  const text = (from: number, to: number) => new TextDecoder().decode(line.subarray(from, to));
  const stream = text(first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const tags = text(second + 1, third < 0 ? line.length : third);
  return {
    time: text(0, first),
    stream,
    whole: tags.split(':')[0] !== 'P',
    content: third < 0 ? new Uint8Array(0) : line.subarray(third + 1),
  };
}

/** Turns pieces into what the client is sent. Stateful: a limit counts over all pieces. */
export class LogWriter {
  readonly #options: LogOptions;
  readonly #encoder = new TextEncoder();
  #left: number;
  #inLine = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** True once the byte limit is reached: nothing more is to be read. */
  get full(): boolean {
    return this.#left <= 0;
  }

  render(piece: LogPiece): Uint8Array {
    const { stream, sinceMs, timestamps } = this.#options;
    if (stream !== 'All' && stream.toLowerCase() !== piece.stream) return new Uint8Array(0);
    if (sinceMs !== undefined && Date.parse(piece.time) < sinceMs) return new Uint8Array(0);
    const head = timestamps && !this.#inLine ? this.#encoder.encode(`${piece.time} `) : new Uint8Array(0);
    this.#inLine = !piece.whole;
    const bytes = new Uint8Array(head.length + piece.content.length + (piece.whole ? 1 : 0));
    bytes.set(head);
    bytes.set(piece.content, head.length);
    if (piece.whole) bytes[bytes.length - 1] = 0x0a;
    const sent = bytes.subarray(0, Math.min(bytes.length, this.#left));
    this.#left -= sent.length;
    return sent;
  }
}

/** Cuts chunks into lines. The last, unfinished line waits for its newline. */
export class LineSplitter {
  #rest: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      lines.push(this.#joined(chunk.subarray(from, at)));
      from = at + 1;
    }
    if (from < chunk.length) this.#rest = this.#joined(chunk.slice(from));
    return lines;
  }

  #joined(tail: Uint8Array): Uint8Array {
    if (this.#rest.length === 0) return tail;
    const joined = new Uint8Array(this.#rest.length + tail.length);
    joined.set(this.#rest);
    joined.set(tail, this.#rest.length);
    this.#rest = new Uint8Array(0);
    return joined;
  }
}

/** The query of `/containerLogs`. Returns why it is wrong instead, in upstream's words. */
export function parseLogQuery(query: URLSearchParams, nowMs: number): LogOptions | string {
  const number = (name: string) => {
    const text = query.get(name);
    return text === null || text === '' ? undefined : Number(text);
  };
  const [tailLines, sinceSeconds, limitBytes] = [number('tailLines'), number('sinceSeconds'), number('limitBytes')];
  if (tailLines !== undefined && !(tailLines >= 0)) return 'tailLines: must be greater than or equal to 0';
  if (sinceSeconds !== undefined && !(sinceSeconds >= 1)) return 'sinceSeconds: must be greater than 0';
  if (limitBytes !== undefined && !(limitBytes >= 1)) return 'limitBytes: must be greater than 0';
  const sinceTime = query.get('sinceTime') ?? '';
  const sinceMs = sinceSeconds === undefined ? Date.parse(sinceTime) : nowMs - sinceSeconds * 1000;
  const stream = query.get('stream') ?? 'All';
  return {
    follow: isTrue(query.get('follow')),
    timestamps: isTrue(query.get('timestamps')),
    tailLines,
    sinceMs: Number.isNaN(sinceMs) ? undefined : sinceMs,
    limitBytes,
    stream: stream === 'Stdout' || stream === 'Stderr' ? stream : 'All',
  };
}

export function isTrue(value: string | null): boolean {
  return value !== null && (value === '1' || value.toLowerCase() === 'true');
}
