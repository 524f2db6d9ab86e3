/** What the cases of Helm have in common: a chart, a namespace of their own, and questions about a release. */
import { join } from 'node:path';
import type { Case } from '../support/cases.ts';
import type { Kubectl } from '../support/commands.ts';

export const CHART = join(import.meta.dirname, 'charts/demo');

export interface HelmContext {
  readonly version: 3 | 4;
  helm(args: readonly string[]): Promise<string>;
  /** For a command that is to fail: what it said. */
  helmFails(args: readonly string[]): Promise<string>;
  readonly kubectl: Kubectl;
}

/** One release, in a namespace that bears its name. */
export interface Release {
  readonly version: 3 | 4;
  readonly name: string;
  /** Words as Helm takes them, split at blanks, for the release's namespace; `CHART` stands for the chart's path. */
  helm(words: string): Promise<string>;
  helmFails(words: string): Promise<string>;
  /** In the release's namespace. */
  kubectl(args: string): Promise<string>;
  get: Kubectl['get'];
  json<T>(words: string): Promise<T>;
}

/** A case with a release of its own; the namespace goes whatever comes. */
export function releaseCase(name: string, steps: (release: Release) => Promise<void>): Case<HelmContext> {
  return {
    name,
    async run(context) {
      const release = releaseOf(
        context,
        name
          .replaceAll(/[^a-z]+/gi, '-')
          .slice(0, 30)
          .toLowerCase(),
      );
      try {
        await steps(release);
      } finally {
        await context.kubectl(`delete namespace ${release.name} --ignore-not-found --wait=false`);
      }
    },
  };
}

function releaseOf({ version, helm, helmFails, kubectl }: HelmContext, text: string): Release {
  const name = text.replaceAll(/^-|-$/g, '');
  const split = (words: string) => [
    ...words.split(' ').map((word) => (word === 'CHART' ? CHART : word)),
    '--namespace',
    name,
  ];
  return {
    version,
    name,
    helm: (words) => helm(split(words)),
    helmFails: (words) => helmFails(split(words)),
    kubectl: (args) => kubectl(`-n ${name} ${args}`),
    get: (args) => kubectl.get(`-n ${name} ${args}`),
    json: async <T>(words: string) => JSON.parse(await helm([...split(words), '--output', 'json'])) as T,
  };
}
