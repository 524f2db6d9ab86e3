/** A bounded HTTP load, each request on a connection of its own, as a client without keep-alive makes them. */
import { Agent, get } from 'node:http';

export interface LoadResult {
  readonly requests: number;
  /** `ECONNREFUSED`, `503`, ... of each request that failed. */
  readonly failures: readonly string[];
  /** How often each body came. */
  readonly answers: ReadonlyMap<string, number>;
}

export interface LoadOptions {
  /** At least so many requests, and on until `until` has settled. */
  readonly requestsMin: number;
  readonly until?: Promise<unknown>;
  readonly concurrency?: number;
  readonly timeoutMs?: number;
  /** Pause of each worker between two requests. */
  readonly pauseMs?: number;
}

export async function runLoad(url: string, options: LoadOptions): Promise<LoadResult> {
  const failures: string[] = [];
  const answers = new Map<string, number>();
  let requests = 0;
  let isOver = options.until === undefined;
  const settled = () => (isOver = true);
  options.until?.then(settled, settled);
  const worker = async () => {
    while (requests < options.requestsMin || !isOver) {
      requests++;
      try {
        const body = await getOnce(url, options.timeoutMs ?? 5000);
        answers.set(body, (answers.get(body) ?? 0) + 1);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
      if (options.pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, options.pauseMs));
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? 8 }, worker));
  return { requests, failures, answers };
}

/** Body of one request on a new connection. Rejects when the status is no 200. */
export function getOnce(url: string, timeoutMs = 5000): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = get(url, { agent: new Agent({ keepAlive: false }), timeout: timeoutMs }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (text += chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        incoming.statusCode === 200 ? resolve(text) : reject(new Error(String(incoming.statusCode))),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    outgoing.on('error', reject);
  });
}
