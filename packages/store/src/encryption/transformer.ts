/** Values on their way into the store and back. Source: apiserver/pkg/storage/value/transformer.go. */

export interface Transformer {
  /** `context`: what the value is bound to, its key. Throws or rejects when the value cannot be read. */
  read(data: Uint8Array, context: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Throws when no key can be used now. */
  write(data: Uint8Array, context: Uint8Array): Uint8Array;
  /** Whether a value would be written under the same key today. */
  isCurrent(data: Uint8Array): boolean;
}

export interface PrefixTransformer {
  /** `k8s:enc:aesgcm:v1:`; empty for what is not encrypted. */
  readonly prefix: string;
  readonly transformer: Transformer;
}

const encoder = new TextEncoder();
const ENCRYPTED = encoder.encode('k8s:enc:');

/** Not encrypted. Refuses to pass on what is. */
export const identityTransformer: Transformer = {
  read(data) {
    if (startsWith(data, ENCRYPTED)) throw new Error('identity transformer tried to read encrypted data');
    return data;
  },
  write: (data) => data,
  isCurrent: (data) => !startsWith(data, ENCRYPTED),
};

/** Writes as the first does, reads what any of them wrote. `noMatch`: the error for a value of none of them. */
export function createPrefixTransformers(transformers: readonly PrefixTransformer[], noMatch: string): Transformer {
  const rows = transformers.map(({ prefix, transformer }) => ({ prefix: encoder.encode(prefix), transformer }));
  const [first] = rows;
  if (first === undefined) throw new Error('no transformer is given');

  /** Rows share a prefix where one provider is there twice with different keys: a failure tries the next. */
  function readFrom(
    at: number,
    errors: readonly Error[],
    data: Uint8Array,
    context: Uint8Array,
  ): ReturnType<Transformer['read']> {
    let failed = errors;
    for (let i = at; i < rows.length; i++) {
      const { prefix, transformer } = rows[i] as (typeof rows)[number];
      if (!startsWith(data, prefix)) continue;
      const next = (error: unknown) => (prefix.length === 0 ? failed : [...failed, error as Error]);
      try {
        const result = transformer.read(data.subarray(prefix.length), context);
        if (!(result instanceof Promise)) return result;
        return result.catch((error: unknown) => readFrom(i + 1, next(error), data, context));
      } catch (error) {
        failed = next(error);
      }
    }
    throw readError(failed, noMatch);
  }

  return {
    read: (data, context) => readFrom(0, [], data, context),
    write: (data, context) => concat(first.prefix, first.transformer.write(data, context)),
    isCurrent: (data) =>
      startsWith(data, first.prefix) && first.transformer.isCurrent(data.subarray(first.prefix.length)),
  };
}

function readError(errors: readonly Error[], noMatch: string): Error {
  if (errors.length === 0) return new Error(noMatch);
  const texts = [...new Set(errors.map(({ message }) => message))];
  return new Error(texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`, { cause: errors[0] });
}

export function startsWith(data: Uint8Array, prefix: Uint8Array): boolean {
  if (data.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (data[i] !== prefix[i]) return false;
  return true;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
