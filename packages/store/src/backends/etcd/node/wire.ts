/** Messages of etcd's API as proto-loader gives them, with numbers for its 64-bit integers. */

export interface WireHeader {
  readonly revision: number;
}

export interface WireKeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

export interface RangeResponse {
  readonly header: WireHeader;
  readonly kvs: readonly WireKeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export interface TxnResponse {
  readonly header: WireHeader;
  readonly succeeded: boolean;
  readonly responses: readonly { readonly responseRange?: RangeResponse | null }[];
}

export interface WatchResponse {
  readonly header: WireHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly events: readonly {
    readonly type: 'PUT' | 'DELETE';
    readonly kv: WireKeyValue;
    readonly prevKv: WireKeyValue | null;
  }[];
}

/** The first key that does not start with `prefix`. */
export function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  // Prefixes end in '/', never in 0xff.
  end[end.length - 1] = (end[end.length - 1] as number) + 1;
  return end;
}
