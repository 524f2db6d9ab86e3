/** Writes protobuf from the end to the start: the length of a message is known when its header is written. */

const encoder = new TextEncoder();
const SHORT_MAX = 64; // characters; longer texts are the encoder's
const TWO_32 = 4_294_967_296;

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

export class ReverseWriter {
  #buffer: Uint8Array<ArrayBuffer>;
  #start: number;

  constructor(capacityBytes = 4096) {
    this.#buffer = new Uint8Array(capacityBytes);
    this.#start = capacityBytes;
  }

  /** Bytes written so far. The difference of two readings is the length of what was written between. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** A copy of what was written; the writer may be reused after `reset`. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(this.#start);
  }

  reset(): void {
    this.#start = this.#buffer.length;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#start -= value.length;
    this.#buffer.set(value, this.#start);
  }

  /** UTF-8. Short ASCII, nearly all of the API, is written without the encoder. */
  string(value: string): void {
    const { length } = value;
    if (length > SHORT_MAX || !this.#ascii(value)) this.bytes(encoder.encode(value));
  }

  /** False when a character is not ASCII: then nothing is written. */
  #ascii(value: string): boolean {
    const { length } = value;
    this.#reserve(length);
    const start = this.#start - length;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      this.#buffer[start + i] = code;
    }
    this.#start = start;
    return true;
  }

  tag(number: number, wireType: number): void {
    this.unsigned((number << 3) | wireType);
  }

  /** A non-negative safe integer. */
  unsigned(value: number): void {
    this.#reserve(10);
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
    this.#start -= size;
    let at = this.#start;
    let rest = value;
    while (rest >= TWO_32) {
      this.#buffer[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      this.#buffer[at++] = (rest & 127) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[at] = rest;
  }

  /** int32 and int64: negative numbers take ten bytes. */
  integer(value: number): void {
    if (value >= 0 && Number.isSafeInteger(value)) this.unsigned(value);
    else this.#wide(value);
  }

  #wide(value: number): void {
    const encoded: number[] = [];
    for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
      if (rest < 128n) {
        encoded.push(Number(rest));
        break;
      }
      encoded.push(Number(rest & 127n) | 128);
    }
    this.bytes(Uint8Array.from(encoded));
  }

  double(value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.bytes(bytes);
  }

  #reserve(sizeBytes: number): void {
    if (this.#start >= sizeBytes) return;
    const { length } = this;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, length + sizeBytes));
    grown.set(this.#buffer.subarray(this.#start), grown.length - length);
    this.#start = grown.length - length;
    this.#buffer = grown;
  }
}
