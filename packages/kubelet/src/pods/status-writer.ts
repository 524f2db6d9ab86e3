/** Writes Pod statuses: one request at a time a Pod, the newest wins. Source: kubernetes pkg/kubelet/status. */
import { coreV1 } from '@kapella/api';
import type { Pod, PodStatus } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason, sleep } from '@kapella/base';
import type { Client } from '@kapella/client';
import { statusPatch } from './status-patch.ts';

const RETRY_MS = 200;
const RETRY_MS_MAX = 10_000;

export interface StatusWriter {
  /** Never throws, never blocks. */
  publish(pod: Pod, status: PodStatus): void;
  /** Resolves when all that was published for the Pod is written (or the Pod is gone). */
  flushed(podUid: string): Promise<void>;
  forget(podUid: string): void;
}

interface Entry {
  pod: Pod;
  wanted: PodStatus;
  /** What the writer last set out to write. */
  seen: PodStatus | undefined;
  /** As the API has it, to our knowledge. */
  base: PodStatus;
  baseVersion: string;
  gone: boolean;
  running: Promise<void> | undefined;
}

/** `ctx`: of the agent, under which the requests run. */
export function createStatusWriter(
  client: Client,
  ctx: Ctx,
  onWritten: (seconds: number) => void = () => {},
): StatusWriter {
  const entries = new Map<string, Entry>();

  const begin = (entry: Entry): void => {
    const startMs = ctx.clock.monotonicMs();
    entry.running ??= write(entry, client, ctx).finally(() => {
      entry.running = undefined;
      onWritten((ctx.clock.monotonicMs() - startMs) / 1000);
      // What was published after the writer's last look still found it at work: it must not be left lying.
      if (entry.wanted !== entry.seen && !entry.gone && !ctx.signal.aborted) begin(entry);
    });
  };

  return {
    publish(pod, status) {
      const { uid, resourceVersion } = pod.metadata;
      let entry = entries.get(uid);
      if (entry === undefined) {
        const base = pod.status ?? {};
        entry = {
          pod,
          wanted: status,
          seen: undefined,
          base,
          baseVersion: resourceVersion,
          gone: false,
          running: undefined,
        };
        entries.set(uid, entry);
      }
      if (isNewer(resourceVersion, entry.baseVersion)) {
        entry.base = pod.status ?? {};
        entry.baseVersion = resourceVersion;
      }
      entry.pod = pod;
      entry.wanted = status;
      begin(entry);
    },
    async flushed(uid) {
      for (let running = entries.get(uid)?.running; running !== undefined; running = entries.get(uid)?.running)
        await running;
    },
    forget: (uid) => void entries.delete(uid),
  };
}

/** Until what is wanted is written, or cannot be. */
async function write(entry: Entry, client: Client, ctx: Ctx): Promise<void> {
  let pauseMs = RETRY_MS;
  while (!entry.gone && !ctx.signal.aborted) {
    const { pod, wanted } = entry;
    entry.seen = wanted;
    const body = statusPatch(entry.base, wanted, pod.metadata.uid);
    if (body === undefined) return;
    try {
      const answer = await client.patch(coreV1.Pod, pod, { type: 'strategic', body }, ctx, { subresource: 'status' });
      entry.base = answer?.status ?? wanted;
      entry.baseVersion = answer?.metadata.resourceVersion ?? entry.baseVersion;
      if (entry.wanted === wanted) return;
      pauseMs = RETRY_MS;
    } catch (error) {
      if (isFinal(error, entry, ctx)) return;
      ctx.log.warn('pod status not written', { pod: pod.metadata.name, retryMs: pauseMs, error: describeError(error) });
      await sleep(pauseMs, ctx).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX);
    }
  }
}

/** Trying again would not help: the Pod is gone, or the status is refused (a bug of ours). */
function isFinal(error: unknown, entry: Entry, ctx: Ctx): boolean {
  if (isReason(error, 'Invalid')) {
    ctx.log.error('pod status refused', { pod: entry.pod.metadata.name, error: describeError(error) });
    return true;
  }
  entry.gone = isReason(error, 'NotFound', 'Conflict');
  return entry.gone;
}

/** Revisions are increasing numbers; anything else is taken as older. */
function isNewer(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a > b : a.length > b.length;
}
