/** Decoding of objects of built-in types from JSON and YAML. */
export type { DecodedText, ParsedText, TextFormat } from './decode-text.ts';
export { decodeFailureMessage, decodeText, parseText, strictErrorMessage } from './decode-text.ts';
export type { Decoded, Decoder } from './decoder.ts';
export { createDecoder, DecodeError } from './decoder.ts';
export {
  formatDuration,
  formatDurationMs,
  normalizeMicroTime,
  normalizeTime,
  parseDuration,
  parseDurationMs,
  TimeError,
} from './time.ts';
export { jsonFault } from './json-fault.ts';
export { TextError } from './text-error.ts';
export { parseYaml, yamlStrictError } from './yaml.ts';
