/** --audit-*: upstream's flags and their defaults. Source: apiserver/pkg/server/options/audit.go. */
import { type AuditFile, parseAuditPolicy } from '@kapella/apiserver';
import { daysToMs, MEGABYTE, openRotatingFile, standardOutputFile } from '@kapella/apiserver/node';
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';
import type { AuditMode, AuditParts, BackendParts } from '@kapella/control-plane';
import { kubeconfigTarget, readConfiguration } from '../../server/node/watched-file.ts';
import { booleanOf, durationMsOf, numberOf } from '../flag-values.ts';
import { type FlagValues, last } from '../flags.ts';

const MODES: readonly AuditMode[] = ['batch', 'blocking', 'blocking-strict'];
const BATCH = { bufferMax: 10_000, waitMs: 30_000, qps: 10, burst: 15 };
const TRUNCATE = { batchBytes: 10 << 20, eventBytes: 100 << 10 };

/** undefined: nothing is to be recorded. Throws CliError for flags and files that are wrong. */
export async function auditOf(flags: FlagValues, ctx: Ctx): Promise<AuditParts | undefined> {
  const policyFile = last(flags, 'audit-policy-file') ?? '';
  const logPath = last(flags, 'audit-log-path') ?? '';
  const webhookFile = last(flags, 'audit-webhook-config-file') ?? '';
  if (policyFile === '') {
    if (logPath + webhookFile !== '') ctx.log.warn('no audit policy file provided, no events will be recorded');
    return undefined;
  }
  const policy = policyOf(policyFile);
  if (logPath === '' && webhookFile === '') return undefined;
  const format = oneOf(flags, 'audit-log-format', ['json', 'legacy'] as const, 'json');
  const log =
    logPath === ''
      ? {}
      : { log: { ...backendOf(flags, 'log', 'blocking'), format, file: await fileOf(flags, logPath, ctx) } };
  if (webhookFile === '') return { policy, ...log };
  const webhook = {
    ...backendOf(flags, 'webhook', 'batch'),
    target: kubeconfigTarget(webhookFile, '--audit-webhook-config-file'),
    initialBackoffMs: durationMsOf(flags, 'audit-webhook-initial-backoff', 10_000),
  };
  return { policy, ...log, webhook };
}

function policyOf(path: string) {
  try {
    return parseAuditPolicy(readConfiguration(path, '--audit-policy-file'));
  } catch (error) {
    if (error instanceof CliError) throw error;
    const fix = 'Mend the policy; docs/how-to/audit.md has one to start from.';
    throw new CliError('Usage', `--audit-policy-file ${path}: ${(error as Error).message}`, fix, error);
  }
}

function backendOf(flags: FlagValues, name: 'log' | 'webhook', mode: AuditMode): BackendParts {
  for (const version of [last(flags, `audit-${name}-version`)]) {
    if (version === undefined || version === 'audit.k8s.io/v1') continue;
    throw new CliError('Usage', `--audit-${name}-version ${version} is not known`, 'It is audit.k8s.io/v1.');
  }
  const flag = (rest: string) => `audit-${name}-${rest}`;
  const isWebhook = name === 'webhook';
  const throttle = booleanOf(flags, flag('batch-throttle-enable'), isWebhook);
  return {
    mode: oneOf(flags, flag('mode'), MODES, mode),
    batch: {
      bufferMax: numberOf(flags, flag('batch-buffer-size'), BATCH.bufferMax, 1),
      batchMax: numberOf(flags, flag('batch-max-size'), isWebhook ? 400 : 1, 1),
      waitMsMax: durationMsOf(flags, flag('batch-max-wait'), isWebhook ? BATCH.waitMs : 0),
      throttle: throttle
        ? {
            qps: numberOf(flags, flag('batch-throttle-qps'), BATCH.qps, 0.001),
            burst: numberOf(flags, flag('batch-throttle-burst'), BATCH.burst, 1),
          }
        : undefined,
      isConcurrent: isWebhook,
    },
    truncate: booleanOf(flags, flag('truncate-enabled'), false)
      ? {
          batchBytesMax: numberOf(flags, flag('truncate-max-batch-size'), TRUNCATE.batchBytes, 1),
          eventBytesMax: numberOf(flags, flag('truncate-max-event-size'), TRUNCATE.eventBytes, 1),
        }
      : undefined,
  };
}

async function fileOf(flags: FlagValues, path: string, ctx: Ctx): Promise<AuditFile> {
  if (path === '-') return standardOutputFile();
  const options = {
    bytesMax: numberOf(flags, 'audit-log-maxsize', 100, 0) * MEGABYTE,
    ageMsMax: daysToMs(numberOf(flags, 'audit-log-maxage', 366, 0)),
    backupsMax: numberOf(flags, 'audit-log-maxbackup', 100, 0),
    compress: booleanOf(flags, 'audit-log-compress', false),
  };
  try {
    return await openRotatingFile(path, options, ctx);
  } catch (error) {
    const why = `--audit-log-path ${path}: ${(error as Error).message}`;
    throw new CliError('Host', why, 'Give a file in a directory that this process may write to.', error);
  }
}

function oneOf<T extends string>(flags: FlagValues, name: string, known: readonly T[], otherwise: T): T {
  const given = last(flags, name) ?? otherwise;
  const found = known.find((value) => value === given);
  if (found === undefined) throw new CliError('Usage', `invalid --${name} ${given}`, `Use ${known.join(', ')}.`);
  return found;
}
