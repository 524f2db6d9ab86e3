/** The drop-in kube-controller-manager: our controllers for any API server, by upstream's flags. */
import { hostname } from 'node:os';
import { createMetricsRegistry, type Ctx } from '@kapella/base';
import { createClient, createEventRecorder, pacedTransport, runAsLeader, type Transport } from '@kapella/client';
import { createHttpsTransport, type HttpsTransportOptions } from '@kapella/client/node';
import { type Connect, runControllerManager } from '@kapella/control-plane';
import { clusterControllers } from '@kapella/control-plane/controllers';
import {
  booleanFlag,
  type FlagValues,
  idleFlags,
  leaseFlags,
  parseProgramFlags,
  programHelp,
} from '../../drop-in/flags.ts';
import { startComponentHttps } from '../../drop-in/node/component-https.ts';
import { kubeconfigTransport } from '../../drop-in/node/kubeconfig-client.ts';
import { readControllerList } from '../../server/node/components.ts';
import { KUBERNETES_VERSION } from '../../version.ts';
import { concurrencyFlags, CONTROLLER_MANAGER, paceFlags, refuseUnsupported } from '../flags.ts';
import { accountTransports } from './account-transports.ts';
import { clusterFacts } from './cluster-facts.ts';

const PROGRAM = 'kube-controller-manager';
/** Upstream's defaults. */
const LEASE = {
  resourceNamespace: 'kube-system',
  resourceName: PROGRAM,
  leaseDuration: '15s',
  renewDeadline: '10s',
  retryPeriod: '2s',
};
const ACCOUNT = /^system:serviceaccount:kube-system:(.+)$/;

/** Runs until `ctx` aborts. Throws CliError for what the user can mend. */
export async function runKubeControllerManager(words: readonly string[], ctx: Ctx): Promise<number> {
  const flags = parseProgramFlags(CONTROLLER_MANAGER, words);
  if (flags.get('help') === 'true') return print(programHelp(CONTROLLER_MANAGER));
  if (flags.get('version') === 'true') return print(`Kubernetes ${KUBERNETES_VERSION}\n`);
  const idle = idleFlags(CONTROLLER_MANAGER, flags);
  if (idle.length > 0) ctx.log.warn('flags without effect', { flags: idle });
  refuseUnsupported(flags);
  const selection = selectionOf(flags);
  const concurrency = concurrencyFlags(flags);
  const transport = await kubeconfigTransport(flags);
  const facts = await clusterFacts(flags, pemText(transport.ca));
  const own = createHttpsTransport(transport);
  const client = createClient(own, { userAgent: `${PROGRAM}/${KUBERNETES_VERSION}` });
  const metrics = createMetricsRegistry();
  const { name: leaseName, ...lease } = leaseFlags(flags, LEASE);
  const https = await startComponentHttps(
    flags,
    { program: PROGRAM, defaultPort: 10_257, client, metrics, configz: configzOf(flags, selection) },
    ctx,
  );
  const { connect, close } = connections(flags, transport, own, client);
  const events = createEventRecorder(client, { component: PROGRAM }, ctx);
  const isMaster = metrics.gauge('leader_election_master_status', 'Whether this process leads.', ['name']);
  isMaster.set([leaseName], 0);
  const work = async (leading: Ctx) => {
    isMaster.set([leaseName], 1);
    const controllers = clusterControllers(facts, selection);
    try {
      await runControllerManager(connect, controllers, leading, {
        metrics,
        concurrencyOf: (controller) => concurrency.get(controller),
      });
    } finally {
      isMaster.set([leaseName], 0);
    }
  };
  const identity = `${hostname()}_${ctx.random.uuid()}`;
  const isElected = booleanFlag(flags, 'leader-elect') ?? true;
  const election = { ...lease, name: leaseName, identity, events, releaseOnCancel: true };
  try {
    await Promise.all([events.run(ctx), isElected ? runAsLeader(client, election, work, ctx) : work(ctx)]);
  } finally {
    await https.close();
    await close();
  }
  return 0;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

const pemText = (pem: string | Uint8Array | undefined) => (pem === undefined ? '' : Buffer.from(pem).toString('utf8'));

function selectionOf(flags: FlagValues): readonly string[] {
  const list = readControllerList('--controllers', flags.get('controllers') || '*');
  return booleanFlag(flags, 'enable-garbage-collector') === false ? ['-garbage-collector-controller', ...list] : list;
}

/**
 * The identity of the kubeconfig for all, or with `--use-service-account-credentials` one for each controller. What
 * `--kube-api-qps` says counts for each controller, as upstream's clients have their limits each.
 */
function connections(
  flags: FlagValues,
  { cert: _cert, key: _key, token: _token, ...open }: HttpsTransportOptions,
  own: Transport,
  client: ReturnType<typeof createClient>,
): { readonly connect: Connect; close(): Promise<void> } {
  const pace = paceFlags(flags);
  const paced = (transport: Transport) => (pace === undefined ? transport : pacedTransport(transport, pace));
  if (booleanFlag(flags, 'use-service-account-credentials') !== true)
    return { connect: () => paced(own), close: () => own.close() };
  const anonymous = createHttpsTransport(open);
  const transportOf = accountTransports(client, anonymous);
  return {
    connect({ username = '' }) {
      const account = ACCOUNT.exec(username)?.[1];
      return paced(account === undefined ? own : transportOf(account));
    },
    async close() {
      await anonymous.close();
      await own.close();
    },
  };
}

/** As upstream's /configz: the parts that flags of ours decide. */
function configzOf(flags: FlagValues, controllers: readonly string[]): object {
  return {
    'kubecontrollermanager.config.k8s.io': {
      apiVersion: 'kubecontrollermanager.config.k8s.io/v1alpha1',
      kind: 'KubeControllerManagerConfiguration',
      Generic: {
        Address: flags.get('bind-address') ?? '0.0.0.0',
        Port: Number(flags.get('secure-port') ?? 10_257),
        Controllers: controllers,
        LeaderElection: {
          LeaderElect: booleanFlag(flags, 'leader-elect') ?? true,
          LeaseDuration: flags.get('leader-elect-lease-duration') ?? LEASE.leaseDuration,
          RenewDeadline: flags.get('leader-elect-renew-deadline') ?? LEASE.renewDeadline,
          RetryPeriod: flags.get('leader-elect-retry-period') ?? LEASE.retryPeriod,
          ResourceName: flags.get('leader-elect-resource-name') ?? LEASE.resourceName,
          ResourceNamespace: flags.get('leader-elect-resource-namespace') ?? LEASE.resourceNamespace,
        },
      },
      KubeCloudShared: {
        AllocateNodeCIDRs: booleanFlag(flags, 'allocate-node-cidrs') ?? false,
        ClusterCIDR: flags.get('cluster-cidr') ?? '',
        UseServiceAccountCredentials: booleanFlag(flags, 'use-service-account-credentials') ?? false,
      },
    },
  };
}
