/** The drop-in kube-scheduler: a scheduler alone, by upstream's flags and configuration. */
import { hostname } from 'node:os';
import { parseDurationMs } from '@kapella/api';
import { createMetricsRegistry, type Ctx, describeError } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { type Client, createCache, createClient, createEventRecorder, runAsLeader } from '@kapella/client';
import { createHttpsTransport, loadKubeconfig } from '@kapella/client/node';
import { createScheduler, defaultConfig, type SchedulerConfig } from '@kapella/scheduler';
import { createExtenderTransport } from '@kapella/scheduler/node';
import { KUBERNETES_VERSION } from '../../version.ts';
import { idleSchedulerFlags, parseSchedulerFlags, type SchedulerFlags, schedulerFlagsHelp } from '../flags.ts';
import { startSchedulerHttps } from './scheduler-https.ts';
import { readSchedulerConfig } from './scheduler-options.ts';

/** Runs until `ctx` aborts. Throws CliError for what the user can mend. */
export async function runKubeScheduler(words: readonly string[], ctx: Ctx): Promise<number> {
  const flags = parseSchedulerFlags(words);
  if (flags.get('help') === 'true') return print(schedulerFlagsHelp());
  if (flags.get('version') === 'true') return print(`Kubernetes ${KUBERNETES_VERSION}\n`);
  const idle = idleSchedulerFlags(flags);
  if (idle.length > 0) ctx.log.info('flags without effect', { flags: idle });
  const config = readSchedulerConfig('--config', flags.get('config') ?? '') ?? defaultConfig();
  const client = await clientOf(flags, config);
  const metrics = createMetricsRegistry();
  const https = await startSchedulerHttps(flags, { client, metrics }, ctx);
  const events = createEventRecorder(client, { component: 'default-scheduler' }, ctx);
  const work = async (leading: Ctx) => {
    const cache = createCache(client);
    const extenders = config.extenders.length === 0 ? {} : { extenderTransport: createExtenderTransport() };
    const scheduler = createScheduler({ client, cache, events, config, metrics, ...extenders });
    await Promise.all([cache.run(leading), scheduler.run(leading)]);
  };
  const { namespace, ...lease } = leaseOf(flags, config);
  const isElected = (flags.get('leader-elect') ?? String(config.leaderElection.leaderElect)) === 'true';
  const identity = `${hostname()}_${ctx.random.uuid()}`;
  const running = isElected
    ? runAsLeader(client, { ...lease, namespace, identity, events, releaseOnCancel: true }, work, ctx)
    : work(ctx);
  try {
    await Promise.all([events.run(ctx), running]);
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

async function clientOf(flags: SchedulerFlags, config: SchedulerConfig): Promise<Client> {
  const path = flags.get('kubeconfig') ?? config.clientConnection.kubeconfig ?? '';
  if (path === '') {
    throw new CliError('Usage', 'no kubeconfig', 'Give --kubeconfig, or clientConnection.kubeconfig in --config.');
  }
  try {
    const { transport } = await loadKubeconfig(path);
    const server = flags.get('master') ?? transport.server;
    return createClient(createHttpsTransport({ ...transport, server }), {
      userAgent: `kube-scheduler/${KUBERNETES_VERSION}`,
    });
  } catch (error) {
    throw new CliError('Usage', `--kubeconfig ${path}: ${describeError(error)}`, 'Give a kubeconfig file.', error);
  }
}

function leaseOf(flags: SchedulerFlags, { leaderElection: given }: SchedulerConfig) {
  const flag = (name: string, value: string) => flags.get(`leader-elect-${name}`) ?? value;
  return {
    namespace: flag('resource-namespace', given.resourceNamespace),
    name: flag('resource-name', given.resourceName),
    leaseDurationMs: durationMs(flag('lease-duration', given.leaseDuration)),
    renewDeadlineMs: durationMs(flag('renew-deadline', given.renewDeadline)),
    retryPeriodMs: durationMs(flag('retry-period', given.retryPeriod)),
  };
}

function durationMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new CliError('Usage', `${text}: no duration`, 'Write it as 15s or 1m30s.');
  return ms;
}
