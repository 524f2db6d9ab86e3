/** One GET without a client library. */
import { type RequestOptions, request } from 'node:https';

export interface TextAnswer {
  readonly status: number;
  readonly text: string;
}

/** Longest answer that is read where the caller sets no other limit. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Any status is an answer. Rejects when none comes within `timeoutMs`, or one longer than `bytesMax`. */
export function getText(
  url: string,
  timeoutMs: number,
  options: RequestOptions,
  bytesMax = ANSWER_BYTES_MAX,
): Promise<TextAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...options, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= bytesMax) return void chunks.push(chunk);
        reject(new Error(`the answer is longer than ${bytesMax} bytes`));
        sent.destroy();
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    sent.on('error', reject);
    sent.end();
  });
}
