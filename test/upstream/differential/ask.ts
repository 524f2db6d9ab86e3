/** Raw requests by HTTP/1.1, as nothing between would change them. */
import { Agent, request } from 'node:https';
import type { Peer } from '../../../bench/api-server/peers.ts';
import type { Step } from './step.ts';

const ANSWER_MS_MAX = 30_000;

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** One server of the two, with what its answers were saved as. */
export class Asked implements Disposable {
  readonly saved = new Map<string, string>();
  readonly #peer: Peer;
  readonly #agent: Agent;
  readonly #token: string;

  constructor(peer: Peer, ca: Buffer, token: string) {
    this.#peer = peer;
    this.#agent = new Agent({ keepAlive: true, ca });
    this.#token = token;
  }

  /** Rejects when no answer comes. */
  ask(step: Step): Promise<RawAnswer> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}`, ...step.headers };
    let body: string | Uint8Array | undefined;
    if (step.body instanceof Uint8Array) body = step.body;
    else if (step.body !== undefined) {
      body = this.#filled(typeof step.body === 'string' ? step.body : JSON.stringify(step.body));
      headers['content-type'] ??= 'application/json';
    }
    if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body)); // Node frames no body of DELETE
    const options = { method: step.method, headers, agent: this.#agent, timeout: ANSWER_MS_MAX };
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.#peer.url}${this.#filled(step.path)}`, options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
        );
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  save(step: Step, { body }: RawAnswer): void {
    for (const [name, path] of Object.entries(step.save ?? {})) {
      let value: unknown = JSON.parse(body.toString());
      for (const part of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
      this.saved.set(name, String(value));
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #filled(text: string): string {
    return text.replace(/\{([a-z][A-Za-z0-9]*)\}/g, (whole, name: string) => this.saved.get(name) ?? whole);
  }
}
