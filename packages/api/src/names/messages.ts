/** The sentences that all validators share. Source: apimachinery/pkg/util/validation/validation.go. */

/** A regular expression in its upstream spelling, anchored, with the sentence that explains it. */
export interface Format {
  readonly pattern: RegExp;
  readonly message: string;
}

export function defineFormat(explanation: string, pattern: string, ...examples: readonly string[]): Format {
  return { pattern: new RegExp(`^(?:${pattern})$`), message: regexError(explanation, pattern, ...examples) };
}

export function regexError(explanation: string, pattern: string, ...examples: readonly string[]): string {
  const uses = `regex used for validation is '${pattern}'`;
  if (examples.length === 0) return `${explanation} (${uses})`;
  return `${explanation} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}${uses})`;
}

export const EMPTY_ERROR = 'must be non-empty';

export const maxLengthError = (length: number): string => `must be no more than ${length} characters`;
export const maxBytesError = (length: number): string => `must be no more than ${length} bytes`;
export const rangeError = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`;

/** Length in UTF-8: what Go's `len` counts. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    // A surrogate pair is two units here and four bytes there.
    bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** Adds the messages that hold, in order. */
export function problems(...checks: readonly (readonly [boolean, string])[]): string[] {
  const found: string[] = [];
  for (const [holds, message] of checks) if (holds) found.push(message);
  return found;
}
