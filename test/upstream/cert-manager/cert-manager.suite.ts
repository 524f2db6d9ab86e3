/** cert-manager's controller, webhook and CA injector against a control plane: issuers become ready, certificates are issued. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCases } from '../support/cases.ts';
import type { Kubectl } from '../support/commands.ts';
import { freePort } from '../support/control-plane.ts';
import { onControlPlane } from '../support/on-control-plane.ts';
import { startProcess } from '../support/processes.ts';
import { upstreamModule, upstreamProgram } from '../support/programs.ts';
import type { UpstreamSuite } from '../support/suite.ts';
import { CERT_MANAGER_CASES } from './cert-manager.cases.ts';

/** `only`: a regular expression that narrows the cases; those that follow build on the first ones. */
export const certManager: UpstreamSuite = {
  name: 'cert-manager',
  text: 'cert-manager 1.11.5: CA injection, webhooks, self-signed and CA issuers, renewal, Ingress annotations',
  async run({ only }) {
    const programs = {
      controller: await upstreamProgram('cert-manager-controller'),
      webhook: await upstreamProgram('cert-manager-webhook'),
      cainjector: await upstreamProgram('cert-manager-cainjector'),
    };
    const module = await upstreamModule('cert-manager', 'github.com/cert-manager/cert-manager');
    return onControlPlane({ hollowNodes: 0 }, async ({ cluster, kubectl, directory }) => {
      await applyDefinitions(kubectl, join(module, 'deploy/crds'));
      await kubectl('create namespace cert-manager');
      const [securePort, healthzPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
      await kubectl.apply(
        webhooks('ValidatingWebhookConfiguration', securePort),
        webhooks('MutatingWebhookConfiguration', securePort),
      );
      const common = [`--kubeconfig=${cluster.kubeconfig}`, '--v=2'];
      const election = '--leader-election-namespace=cert-manager';
      const webhookFlags = [
        `--secure-port=${securePort}`,
        `--healthz-port=${healthzPort}`,
        '--dynamic-serving-ca-secret-namespace=cert-manager',
        '--dynamic-serving-ca-secret-name=cert-manager-webhook-ca',
        '--dynamic-serving-dns-names=localhost',
      ];
      const start = (name: keyof typeof programs, ...flags: string[]) =>
        startProcess(directory, { name, program: programs[name], args: [...common, ...flags] });
      await using webhook = start('webhook', ...webhookFlags);
      await using cainjector = start('cainjector', election);
      await using controller = start(
        'controller',
        election,
        '--cluster-resource-namespace=cert-manager',
        `--metrics-listen-address=127.0.0.1:${metricsPort}`,
      );
      return await runCases(CERT_MANAGER_CASES, { kubectl, processes: [webhook, cainjector, controller] }, only);
    });
  },
};

/** The definitions are parts of a chart: their labels are templates. */
async function applyDefinitions(kubectl: Kubectl, folder: string): Promise<void> {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    const text = readFileSync(join(folder, file), 'utf8').replaceAll(/'\{\{.*?\}\}'/g, 'cert-manager');
    await kubectl('create -f -', { input: text });
  }
  await kubectl('wait --for condition=Established crd --all --timeout 30s');
}

function webhooks(kind: `${'Validating' | 'Mutating'}WebhookConfiguration`, port: number): object {
  const path = kind === 'MutatingWebhookConfiguration' ? 'mutate' : 'validate';
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: {
      name: 'cert-manager-webhook',
      annotations: { 'cert-manager.io/inject-ca-from-secret': 'cert-manager/cert-manager-webhook-ca' },
    },
    webhooks: [
      {
        name: 'webhook.cert-manager.io',
        rules: [
          {
            apiGroups: ['cert-manager.io', 'acme.cert-manager.io'],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['*/*'],
          },
        ],
        admissionReviewVersions: ['v1'],
        matchPolicy: 'Equivalent',
        timeoutSeconds: 10,
        failurePolicy: 'Fail',
        sideEffects: 'None',
        clientConfig: { url: `https://localhost:${port}/${path}` },
      },
    ],
  };
}
