/** One request on its way through the server: what is known of it, and what is to be told of it at its end. */
import type { Ctx } from '@kapella/base';
import type { ByteSink, ResponseStream } from '@kapella/client';
import type { AuditTrail } from '../audit/auditor.ts';
import type { ServerRequest } from '../auth/contract.ts';
import { parseRequestInfo, type RequestInfo } from '../http/request-info.ts';

export interface RequestWork {
  readonly request: ServerRequest;
  readonly method: string;
  readonly contentType: string | undefined;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly warnings: string[];
  /** What the credentials are annotated with in the audit log. */
  annotations: Record<string, string> | undefined;
  readonly startedMs: number;
  /** There is such a resource or path. */
  /** Authorization has said no. */
  isDenied?: boolean;
  isServed: boolean;
  /** Milliseconds that it waited for its turn. */
  queuedMs: number;
  flowHeaders: Readonly<Record<string, string>> | undefined;
  /** What is recorded of it; undefined: nothing. */
  trail: AuditTrail | undefined;
  /** The sender is known, so that the policy has been asked. */
  isIdentified: boolean;
  auditId: string;
  /** What no one expected. */
  panic: string | undefined;
}

const NO_QUERY = new URLSearchParams();

export function newWork(request: ServerRequest, ctx: Ctx): RequestWork {
  const { method, path, headers } = request;
  const query = request.query === '' ? NO_QUERY : new URLSearchParams(request.query);
  const info = parseRequestInfo(method, path, query);
  // Made for every request: written out, for spreading costs more than all the rest of it.
  return {
    request,
    method,
    contentType: headers['content-type'],
    info,
    query,
    warnings: [],
    annotations: undefined,
    startedMs: ctx.clock.monotonicMs(),
    isServed: false,
    queuedMs: 0,
    flowHeaders: undefined,
    trail: undefined,
    isIdentified: false,
    auditId: headers['audit-id'] ?? '',
    panic: undefined,
  };
}

/** Waits, and notes for how long. */
export async function queued<T>(seat: Promise<T>, work: RequestWork, ctx: Ctx): Promise<T> {
  const fromMs = ctx.clock.monotonicMs();
  const got = await seat;
  work.queuedMs = ctx.clock.monotonicMs() - fromMs;
  return got;
}

/** The same stream; what `enter` returns is called once at its end, whoever ends it. */
export function trackedStream(stream: ResponseStream, enter: () => () => void): ResponseStream {
  return {
    start(sink: ByteSink, signal) {
      let isOpen = true;
      const onEnd = enter();
      const leave = () => {
        if (isOpen) onEnd();
        isOpen = false;
      };
      signal.addEventListener('abort', leave, { once: true });
      const tracked: ByteSink = {
        write: (chunk, sent) => sink.write(chunk, sent),
        close: (error) => {
          leave();
          sink.close(error);
        },
        onDrain: (fn) => sink.onDrain(fn),
      };
      stream.start(tracked, signal);
    },
  };
}
