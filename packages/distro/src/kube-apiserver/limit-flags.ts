/** Flags about what may run at once, for how long, and how the server ends. Source: apiserver/pkg/server/options/server_run_options.go. */
import { CliError } from '@kapella/cli';
import type { ServerLimits, ShutdownOptions } from '@kapella/control-plane';
import { booleanOf, durationMsOf, numberOf } from './flag-values.ts';
import type { FlagValues } from './flags.ts';

const GOAWAY_CHANCE_MAX = 0.02;

/** Throws CliError Usage, with upstream's words. */
export function limitsOf(flags: FlagValues): ServerLimits {
  const readsMax = numberOf(flags, 'max-requests-inflight', 400);
  const writesMax = numberOf(flags, 'max-mutating-requests-inflight', 200);
  const priorityAndFairness = booleanOf(flags, 'enable-priority-and-fairness', true);
  if (priorityAndFairness && readsMax + writesMax <= 0) {
    const why = `--max-requests-inflight=${readsMax} and --max-mutating-requests-inflight=${writesMax} must add up to`;
    throw new CliError('Usage', `${why} something positive`, 'Give a positive number for one of them.');
  }
  const watchSeconds = numberOf(flags, 'min-request-timeout', 1800);
  return {
    ...{ readsMax, writesMax, priorityAndFairness },
    requestMsMax: durationMsOf(flags, 'request-timeout', 60_000),
    watchMsMin: watchSeconds * 1000,
    eventTtlSeconds: durationMsOf(flags, 'event-ttl', 3_600_000) / 1000,
    profiling: booleanOf(flags, 'profiling', true),
    cbor: isGateOn(flags, 'CBORServingAndStorage'),
  };
}

export function connectionsOf(flags: FlagValues): { readonly streamsMax: number; readonly goawayChance: number } {
  const goawayChance = numberOf(flags, 'goaway-chance', 0);
  if (goawayChance > GOAWAY_CHANCE_MAX) {
    throw new CliError(
      'Usage',
      '--goaway-chance can not be less than 0 or greater than 0.02',
      'Give 0.001, say: one request in a thousand ends its connection.',
    );
  }
  const streams = numberOf(flags, 'http2-max-streams-per-connection', 0);
  return { streamsMax: streams === 0 ? 1_000 : streams, goawayChance };
}

export function shutdownOf(flags: FlagValues): ShutdownOptions {
  return {
    delayMs: durationMsOf(flags, 'shutdown-delay-duration', 0),
    sendRetryAfter: booleanOf(flags, 'shutdown-send-retry-after', false),
  };
}

/** `--feature-gates=A=true,B=false`, perhaps several times: the last word counts. Other gates are as upstream has them by default. */
function isGateOn(flags: FlagValues, gate: string): boolean {
  const pairs = (flags.get('feature-gates') ?? []).flatMap((text) => text.split(','));
  const last = pairs.map((pair) => pair.trim().split('=')).findLast(([name]) => name === gate);
  return last !== undefined && /^(1|t|true)$/i.test(last[1] ?? '');
}
