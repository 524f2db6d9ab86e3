/** The official JavaScript client: its own integration tests, and what programs do with its API. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { KubeConfig } from '@kubernetes/client-node';
import { type Case, runCases } from '../support/cases.ts';
import { succeed } from '../support/commands.ts';
import { onControlPlane } from '../support/on-control-plane.ts';
import { sourceOf } from '../support/sources.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { JAVASCRIPT_CASES, type JavaScriptContext } from './javascript.cases.ts';

/** The tests are not in the package on npm. */
const RELEASE = '2.0.0';
/** cpFromPod and portForward need real containers. */
const INTEGRATION = ['patchNamespace', 'watchPods', 'informerReconnect'];

/** `only`: a regular expression that narrows the cases. */
export const javascript: UpstreamSuite = {
  name: 'javascript',
  text: '@kubernetes/client-node: its integration tests, informers, watches, every kind of patch, the object API',
  async run({ only }) {
    const source = await sourceOf('kubernetes-client/javascript', RELEASE);
    return onControlPlane({ hollowNodes: 1 }, async ({ cluster, directory }) => {
      prepare(join(source, 'src/test/integration'), directory);
      const config = new KubeConfig();
      config.loadFromFile(cluster.kubeconfig);
      const cases = [
        ...INTEGRATION.map((name) => integrationCase(name, directory, cluster.kubeconfig)),
        ...JAVASCRIPT_CASES,
      ];
      return runCases(cases, { config }, only);
    });
  },
};

/** The tests as JavaScript, with the published package in the place of the source tree that they import from. */
function prepare(from: string, directory: string): void {
  const to = join(directory, 'src/test/integration');
  mkdirSync(to, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  const published = pathToFileURL(createRequire(import.meta.url).resolve('@kubernetes/client-node'));
  for (const name of ['index', 'watch', 'cache'])
    writeFileSync(join(directory, `src/${name}.js`), `export * from '${published}';\n`);
  for (const file of readdirSync(from))
    writeFileSync(join(to, file.replace(/\.ts$/, '.js')), stripTypeScriptTypes(readFileSync(join(from, file), 'utf8')));
}

function integrationCase(name: string, directory: string, kubeconfig: string): Case<JavaScriptContext> {
  const program = `const { default: run } = await import('./src/test/integration/${name}.js'); await run(); process.exit(0);`;
  return {
    name: `integration: ${name}`,
    run: async () => {
      const options = { cwd: directory, env: { KUBECONFIG: kubeconfig } };
      await succeed(process.execPath, ['--input-type=module', '--eval', program], options);
    },
  };
}
