/** The drop-in kube-scheduler: a scheduler alone, by upstream's flags and configuration. */
import { hostname } from 'node:os';
import { createMetricsRegistry, type Ctx } from '@kapella/base';
import { createCache, createEventRecorder, createSeriesRecorder, runAsLeader } from '@kapella/client';
import { createScheduler, DEFAULT_SCHEDULER, defaultConfig, REQUESTS_AT_ONCE } from '@kapella/scheduler';
import { createExtenderTransport } from '@kapella/scheduler/node';
import { leaseFlags } from '../../drop-in/flags.ts';
import { kubeconfigClient } from '../../drop-in/node/kubeconfig-client.ts';
import { startComponentHttps } from '../../drop-in/node/component-https.ts';
import { KUBERNETES_VERSION } from '../../version.ts';
import { idleSchedulerFlags, parseSchedulerFlags, schedulerFlagsHelp } from '../flags.ts';
import { readSchedulerConfig } from './scheduler-options.ts';

/** Runs until `ctx` aborts. Throws CliError for what the user can mend. */
export async function runKubeScheduler(words: readonly string[], ctx: Ctx): Promise<number> {
  const flags = parseSchedulerFlags(words);
  if (flags.get('help') === 'true') return print(schedulerFlagsHelp());
  if (flags.get('version') === 'true') return print(`Kubernetes ${KUBERNETES_VERSION}\n`);
  const idle = idleSchedulerFlags(flags);
  if (idle.length > 0) ctx.log.info('flags without effect', { flags: idle });
  const config = readSchedulerConfig('--config', flags.get('config') ?? '') ?? defaultConfig();
  const program = 'kube-scheduler';
  const client = await kubeconfigClient(program, flags, config.clientConnection.kubeconfig, { atOnceMax: REQUESTS_AT_ONCE });
  const metrics = createMetricsRegistry();
  const https = await startComponentHttps(flags, { program, defaultPort: 10_259, client, metrics }, ctx);
  const component = config.profiles[0]?.schedulerName ?? DEFAULT_SCHEDULER;
  const events = createSeriesRecorder(client, { component, host: hostname() }, ctx);
  // Of its lease it tells as all components do.
  const ofLease = createEventRecorder(client, { component }, ctx);
  const work = async (leading: Ctx) => {
    const cache = createCache(client, { dropsManagedFields: true });
    const extenders = config.extenders.length === 0 ? {} : { extenderTransport: createExtenderTransport() };
    const scheduler = createScheduler({ client, cache, events, config, metrics, ...extenders });
    await Promise.all([cache.run(leading), scheduler.run(leading)]);
  };
  const { namespace, ...lease } = leaseFlags(flags, config.leaderElection);
  const isElected = (flags.get('leader-elect') ?? String(config.leaderElection.leaderElect)) === 'true';
  const identity = `${hostname()}_${ctx.random.uuid()}`;
  const running = isElected
    ? runAsLeader(client, { ...lease, namespace, identity, events: ofLease, releaseOnCancel: true }, work, ctx)
    : work(ctx);
  try {
    await Promise.all([events.run(ctx), ofLease.run(ctx), running]);
  } finally {
    await https.close();
    await client.transport.close();
  }
  return 0;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
