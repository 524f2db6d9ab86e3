/** Structured logging: a constant event and fields with units. Never a secret, never an interpolated sentence. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each record. */
  child(fields: LogFields): Logger;
}

export interface LogRecord {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

/** Builds a Logger over one sink. The sink must not throw. */
export function createLogger(sink: (record: LogRecord) => void, bound: LogFields = {}): Logger {
  const at = (level: LogLevel) => (event: string, fields?: LogFields) =>
    sink({ level, event, fields: fields === undefined ? bound : { ...bound, ...fields } });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => createLogger(sink, { ...bound, ...fields }),
  };
}

export const silentLogger: Logger = createLogger(() => {});

/** An error and its causes in one line, outermost first. For the one place that logs a swallowed error. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  while (current !== undefined && parts.length < 8) {
    parts.push(current instanceof Error ? current.message : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ');
}
