/** One request of the differential suite, and short ways to write it. */

export interface Step {
  readonly method: string;
  /** With query. `{name}` stands for what an earlier step saved; so in `body`. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Names for parts of the answer: `{ version: 'metadata.resourceVersion' }`. */
  readonly save?: Readonly<Record<string, string>>;
  /** Asked for its effect alone: its answers are not compared. */
  readonly isSetUp?: true;
}

/** Steps in order, in a namespace of their own that `{ns}` names. */
export interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
}

export type StepOptions = Omit<Step, 'method' | 'path' | 'body'>;

export const get = (path: string, options: StepOptions = {}): Step => ({ method: 'GET', path, ...options });

export const getAs = (accept: string, path: string): Step => get(path, { headers: { accept } });

export const post = (path: string, body: unknown, options: StepOptions = {}): Step => ({
  method: 'POST',
  path,
  body,
  ...options,
});

export const put = (path: string, body: unknown, options: StepOptions = {}): Step => ({
  method: 'PUT',
  path,
  body,
  ...options,
});

/** `body` undefined: no DeleteOptions. */
export const del = (path: string, body?: unknown, options: StepOptions = {}): Step => ({
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
  ...options,
});

export const setUp = (step: Step): Step => ({ ...step, isSetUp: true });

const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export const patch = (
  type: keyof typeof PATCH_TYPES,
  path: string,
  body: unknown,
  options: StepOptions = {},
): Step => ({
  method: 'PATCH',
  path,
  body,
  ...options,
  headers: { 'content-type': PATCH_TYPES[type], ...options.headers },
});

export const configMap = (name: string, data: object = {}, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});
