/** Progress as a person or a program reads it: lines on a terminal, one JSON object a step with `--output json`. */

export interface Reporter {
  /** Begins a step; everything until `done` or `failed` belongs to it. */
  step(name: string, text: string): Step;
  /** Text for a person; not printed with `--output json`. */
  say(text: string): void;
  /** The result of a command, for a program; with text output, `text` is printed instead. */
  result(data: Readonly<Record<string, unknown>>, text: string): void;
}

export interface Step {
  /** What is under way now: shown in place on a terminal. */
  progress(text: string): void;
  done(detail?: string): void;
  failed(reason: string): void;
}

export interface ReporterOptions {
  readonly json: boolean;
  readonly isTerminal: boolean;
  write(text: string): void;
  monotonicMs(): number;
}

const CLEAR_LINE = '\r\u001b[K';

export function createReporter(options: ReporterOptions): Reporter {
  return options.json ? jsonReporter(options) : textReporter(options);
}

function textReporter({ isTerminal, write, monotonicMs }: ReporterOptions): Reporter {
  return {
    step(_name, text) {
      const startMs = monotonicMs();
      if (isTerminal) write(`  … ${text}`);
      const line = (mark: string, detail: string) => {
        const tookMs = Math.round(monotonicMs() - startMs);
        write(
          `${isTerminal ? CLEAR_LINE : ''}  ${mark} ${text}${detail}${tookMs >= 100 ? ` (${(tookMs / 1000).toFixed(1)} s)` : ''}\n`,
        );
      };
      return {
        progress: (now) => isTerminal && write(`${CLEAR_LINE}  … ${text}: ${now.slice(0, 80)}`),
        done: (detail) => line('✔', detail === undefined ? '' : `: ${detail}`),
        failed: (reason) => line('✘', `: ${reason}`),
      };
    },
    say: (text) => write(`${text}\n`),
    result: (_data, text) => write(text === '' ? '' : `${text}\n`),
  };
}

function jsonReporter({ write, monotonicMs }: ReporterOptions): Reporter {
  const line = (object: object) => write(`${JSON.stringify(object)}\n`);
  return {
    step(name) {
      const startMs = monotonicMs();
      const end = (status: string, rest: object) => {
        line({ step: name, status, durationMs: Math.round(monotonicMs() - startMs), ...rest });
      };
      return {
        progress: () => {},
        done: (detail) => end('done', detail === undefined ? {} : { detail }),
        failed: (reason) => end('failed', { reason }),
      };
    },
    say: () => {},
    result: (data) => line({ result: data }),
  };
}
