/** A request body in JSON or YAML to an object of a built-in type. Source: apimachinery/pkg/runtime/serializer/json. */
import { parseExactJson } from '@kapella/base';
import type { TypeFacts } from '../schema.ts';
import type { Decoder } from './decoder.ts';
import { jsonFault } from './json-fault.ts';
import { hasDuplicateKeys, scanStrictErrors } from './strict-json.ts';
import { TextError } from './text-error.ts';
import { parseYaml, yamlStrictError } from './yaml.ts';

export type TextFormat = 'json' | 'yaml';

export interface ParsedText {
  readonly value: unknown;
  /**
   * What Strict refuses and Warn warns of, as far as the text alone tells: duplicates in untyped objects. Filled by
   * `parseText` only; typed decoding finds its own.
   */
  readonly strictErrors: readonly string[];
}

export interface DecodedText {
  readonly object: Readonly<Record<string, unknown>>;
  /** `unknown field "spec.foo"`, `duplicate field "spec.foo"`, in document order; empty unless strict. */
  readonly strictErrors: readonly string[];
}

/** For objects without built-in type, custom resources: the value, whose integers are exact, and the duplicates. Throws TextError. */
export function parseText(text: string, format: TextFormat, facts: TypeFacts): ParsedText {
  if (format === 'yaml') {
    const { value, duplicates } = parseYaml(text, true);
    const error = yamlStrictError(duplicates);
    return { value, strictErrors: error === undefined ? [] : [error] };
  }
  const value = parseJson(text, parseExactJson);
  return { value, strictErrors: hasDuplicateKeys(text, value) ? scanStrictErrors(text, undefined, facts) : [] };
}

/**
 * Throws TextError for a text that does not parse, DecodeError for a value that does not fit. `accept` sees what was parsed
 * before it is decoded, may put another value in its place, and throws what it will.
 */
export function decodeText(
  text: string,
  format: TextFormat,
  typeId: string,
  decoder: Decoder,
  facts: TypeFacts,
  strict: boolean,
  accept: (value: unknown) => unknown = (value) => value,
): DecodedText {
  if (format === 'yaml') {
    const { value: given, duplicates } = parseYaml(text, false);
    const value = accept(given);
    const { object, unknown } = decoder.decode(value, typeId);
    if (!strict) return { object, strictErrors: [] };
    const error = yamlStrictError(duplicates);
    return { object, strictErrors: [...(error === undefined ? [] : [error]), ...unknown.map(unknownField)] };
  }
  const given = parseJson(text, JSON.parse);
  const hasDuplicates = strict && hasDuplicateKeys(text, given); // before decoding: it changes the value
  const value = accept(given);
  const { object, unknown } = decoder.decode(value, typeId);
  if (!strict) return { object, strictErrors: [] };
  return { object, strictErrors: hasDuplicates ? scanStrictErrors(text, typeId, facts) : unknown.map(unknownField) };
}

/** The message that Strict answers with: `strict decoding error: unknown field "spec.foo", ...`. */
export function strictErrorMessage(errors: readonly string[]): string {
  return `strict decoding error: ${errors.join(', ')}`;
}

/**
 * The BadRequest message for a body that does not fit the kind its client names.
 * Source: apiserver/pkg/endpoints/handlers/rest.go transformDecodeError.
 */
export function decodeFailureMessage(
  named: { readonly version: string; readonly kind: string },
  expectedKind: string,
  error: Error,
): string {
  const { kind, version } = named;
  return `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${expectedKind}: ${error.message}`;
}

function parseJson(text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new TextError(jsonFault(text) ?? (cause as Error).message, { cause });
  }
}

function unknownField(path: string): string {
  return `unknown field ${JSON.stringify(path)}`;
}
