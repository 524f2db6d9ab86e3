/** Reads protobuf wire data. Every length is checked: the bytes come from clients. */

/** Bytes that are not the protobuf they should be. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

const decoder = new TextDecoder('utf-8', { fatal: false });
const SHORT_MAX = 48;

export class Reader {
  at: number;
  readonly end: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  /** A varint below 2^53; longer ones lose precision, which no field of the API needs. */
  unsigned(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw new ProtobufError('unexpected EOF');
      const byte = this.#bytes[this.at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new ProtobufError('proto: integer overflow');
  }

  /** int32 and int64, negative ones included. */
  integer(): number {
    const start = this.at;
    const value = this.unsigned();
    if (this.at - start < 10) return value;
    let exact = 0n;
    for (let i = this.at - 1; i >= start; i--) exact = (exact << 7n) | BigInt((this.#bytes[i] as number) & 127);
    return Number(BigInt.asIntN(64, exact));
  }

  double(): number {
    this.#need(8);
    const value = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.at, 8).getFloat64(0, true);
    this.at += 8;
    return value;
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    const length = this.unsigned();
    this.#need(length);
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  string(): string {
    const length = this.unsigned();
    this.#need(length);
    const start = this.at;
    this.at += length;
    if (length > SHORT_MAX) return decoder.decode(this.#bytes.subarray(start, this.at));
    let text = '';
    for (let i = start; i < this.at; i++) {
      const byte = this.#bytes[i] as number;
      if (byte > 127) return decoder.decode(this.#bytes.subarray(start, this.at));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** A reader of the embedded message, and this one moves behind it. */
  message(): Reader {
    const length = this.unsigned();
    this.#need(length);
    this.at += length;
    return new Reader(this.#bytes, this.at - length, this.at);
  }

  skip(wireType: number): void {
    if (wireType === 0) this.unsigned();
    else if (wireType === 1) this.#advance(8);
    else if (wireType === 2) this.#advance(this.unsigned());
    else if (wireType === 5) this.#advance(4);
    else throw new ProtobufError(`proto: illegal wireType ${wireType}`);
  }

  #advance(length: number): void {
    this.#need(length);
    this.at += length;
  }

  #need(length: number): void {
    if (this.at + length > this.end) throw new ProtobufError('unexpected EOF');
  }
}
