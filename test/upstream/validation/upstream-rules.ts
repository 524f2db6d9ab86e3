/** What kube-apiserver's own rules say: `judge.go`, compiled once against k8s.io/kubernetes. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileKubernetesProgram } from '../support/programs.ts';

export type Question =
  | { readonly op: 'create'; readonly object: object }
  | { readonly op: 'update'; readonly object: object; readonly old: object }
  | { readonly op: 'podsecurity'; readonly level: string; readonly version: string; readonly object: object };

/** Of a create or update: '' for one that is taken. */
export interface Verdict {
  readonly reason: string;
  readonly message?: string;
  /** `field: type: message`, sorted. */
  readonly causes: readonly string[];
  /** Upstream could not even read it. */
  readonly broken?: string;
}

interface Answer {
  readonly broken?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly causes?: readonly { readonly type: string; readonly field: string; readonly message: string }[];
}

/** Answers in the order of the questions. */
export async function askUpstream(questions: readonly Question[]): Promise<Verdict[]> {
  const source = readFileSync(join(import.meta.dirname, 'judge.go'), 'utf8');
  const program = await compileKubernetesProgram('judge', source);
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`judge ended with exit code ${code}`))));
  });
  child.stdin.end(questions.map((question) => `${JSON.stringify(question)}\n`).join(''));
  await ended;
  const lines = Buffer.concat(chunks).toString().trim().split('\n');
  return lines.map((line) => {
    const { broken, reason = '', message = '', causes = [] } = JSON.parse(line) as Answer;
    const told = causes.map((cause) => `${cause.field}: ${cause.type}: ${cause.message}`).toSorted();
    return { reason, message, causes: told, ...(broken === undefined ? {} : { broken }) };
  });
}
