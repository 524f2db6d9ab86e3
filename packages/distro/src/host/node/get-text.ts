/** One GET without a client library. */
import { type RequestOptions, request } from 'node:https';

export interface TextAnswer {
  readonly status: number;
  readonly text: string;
}

/** Any status is an answer. Rejects when none comes within `timeoutMs`. */
export function getText(url: string, timeoutMs: number, options: RequestOptions): Promise<TextAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...options, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    sent.on('error', reject);
    sent.end();
  });
}
