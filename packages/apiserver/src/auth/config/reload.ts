/** Configuration files that change while the server runs: one change after the other, and what is wrong changes nothing. */
import { type Ctx, describeError } from '@kapella/base';

/** A file of the host: its content at start, and each later one. */
export interface ConfigurationSource {
  readonly text: string;
  /** Calls `onText` with what the file holds whenever it may have changed, until `ctx` ends. Absent: it never changes. */
  follow?(onText: (text: string) => void, ctx: Ctx): void;
}

export interface ReloadOptions {
  readonly source: ConfigurationSource;
  /** For logs: `authentication configuration`. */
  readonly what: string;
  /** Takes the new content over. Rejects for content that cannot be used; with RetryableError for what may pass. */
  readonly apply: (text: string) => Promise<void>;
  readonly onResult?: (succeeded: boolean, nowMs: number) => void;
}

/** A configuration that the server cannot start with. */
export class ConfigurationError extends Error {}

/** What may pass without a change of the file: the same content is tried again. */
export class RetryableError extends Error {}

/** Follows the source until `ctx` ends. */
export function reloadOnChange({ source, what, apply, onResult }: ReloadOptions, ctx: Ctx): void {
  let tried = source.text;
  let queue = Promise.resolve();
  source.follow?.((text) => {
    queue = queue.then(async () => {
      if (text === tried || ctx.signal.aborted) return;
      try {
        await apply(text);
        tried = text;
        ctx.log.info('configuration reloaded', { what });
        onResult?.(true, ctx.clock.nowMs());
      } catch (error) {
        if (!(error instanceof RetryableError)) tried = text;
        ctx.log.error('configuration not reloaded', { what, error: describeError(error) });
        onResult?.(false, ctx.clock.nowMs());
      }
    });
  }, ctx);
}
