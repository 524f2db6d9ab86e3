/** A text that is no JSON or YAML at all; its message is what Go's parser says. */
export class TextError extends Error {
  override readonly name = 'TextError';
}
