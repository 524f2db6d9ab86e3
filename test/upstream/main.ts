/**
 * `npm run upstream [-- SUITE… [--only PATTERN]]`: what others wrote judges Kapella. Installs what each suite needs from
 * the ordinary registries (minutes to an hour the first time), prints passed and failed, and keeps reports in
 * .cache/upstream. Not part of every CI run.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setUpIntegration } from '../../tools/test/set-up.ts';
import { apiextensions } from './apiextensions/apiextensions.suite.ts';
import { certManager } from './cert-manager/cert-manager.suite.ts';
import { controllerManager } from './controller-manager/controller-manager.suite.ts';
import { clientGo } from './client-go/client-go.suite.ts';
import { etcdTakeover } from './etcd-takeover/etcd-takeover.suite.ts';
import { controllerRuntime } from './controller-runtime/controller-runtime.suite.ts';
import { differential } from './differential/differential.suite.ts';
import { e2e } from './e2e/e2e.suite.ts';
import { e2eNode } from './e2e-node/e2e-node.suite.ts';
import { helm3, helm4 } from './helm/helm.suite.ts';
import { csiSanity } from './csi-sanity/csi-sanity.suite.ts';
import { csiSidecars } from './csi-sidecars/csi-sidecars.suite.ts';
import { kubelet } from './kubelet/kubelet.suite.ts';
import { kwok } from './kwok/kwok.suite.ts';
import { javascript } from './javascript/javascript.suite.ts';
import { kopf } from './kopf/kopf.suite.ts';
import { kustomizeController } from './kustomize-controller/kustomize-controller.suite.ts';
import { metricsServer } from './metrics-server/metrics-server.suite.ts';
import { prometheusOperator } from './prometheus-operator/prometheus-operator.suite.ts';
import { python } from './python/python.suite.ts';
import { redisOperator } from './redis-operator/redis-operator.suite.ts';
import { rust } from './rust/rust.suite.ts';
import { scheduler } from './scheduler/scheduler.suite.ts';
import { validation } from './validation/validation.suite.ts';
import { schedulerSwap } from './scheduler-swap/scheduler-swap.suite.ts';
import type { SuiteResult, UpstreamSuite } from './support/suite.ts';

const SUITES: readonly UpstreamSuite[] = [
  e2e,
  e2eNode,
  kubelet,
  controllerRuntime,
  apiextensions,
  helm4,
  helm3,
  kwok,
  csiSanity,
  csiSidecars,
  clientGo,
  etcdTakeover,
  javascript,
  python,
  rust,
  certManager,
  prometheusOperator,
  kustomizeController,
  kopf,
  metricsServer,
  scheduler,
  schedulerSwap,
  differential,
  controllerManager,
  validation,
  redisOperator,
];
const RESULTS = join(import.meta.dirname, '../../.cache/upstream');

function readArgs(words: readonly string[]): { readonly names: readonly string[]; readonly only: string | undefined } {
  const at = words.indexOf('--only');
  const only = at < 0 ? undefined : words[at + 1];
  const names = words.filter((_, index) => at < 0 || (index !== at && index !== at + 1));
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0 || (at >= 0 && only === undefined)) {
    const rows = SUITES.map(({ name, text }) => `  ${name.padEnd(20)} ${text}`);
    process.stderr.write(`usage: npm run upstream [-- SUITE… [--only PATTERN]]\n${rows.join('\n')}\n`);
    process.exit(2);
  }
  return { names, only };
}

/** A suite that could not be run at all is a failure of its own, and does not keep the others from running. */
async function runSuite(suite: UpstreamSuite): Promise<SuiteResult> {
  try {
    return await suite.run({ only, results: join(RESULTS, suite.name) });
  } catch (error) {
    return { passed: 0, failures: [{ name: suite.name, why: error instanceof Error ? error.message : String(error) }] };
  }
}

const { names, only } = readArgs(process.argv.slice(2));
await setUpIntegration();
mkdirSync(RESULTS, { recursive: true });
let failed = 0;
for (const suite of SUITES) {
  if (names.length > 0 && !names.includes(suite.name)) continue;
  process.stdout.write(`\n== ${suite.name}: ${suite.text}\n`);
  const result = await runSuite(suite);
  for (const { name, why } of result.failures) process.stdout.write(`FAILED ${name}\n    ${why.slice(0, 1_000)}\n`);
  process.stdout.write(`${suite.name}: ${result.passed} passed, ${result.failures.length} failed\n`);
  writeFileSync(join(RESULTS, `${suite.name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
  failed += result.failures.length;
}
process.exitCode = failed === 0 ? 0 : 1;
