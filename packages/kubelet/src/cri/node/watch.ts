/**
 * Tells when something changed in the runtime. Three ways, best first: CRI's GetContainerEvents (containerd 1.7 and
 * later), containerd's own event service on the same socket (any version), and telling the caller to list each second.
 */
import { type Ctx, describeError, sleep } from '@kapella/base';
import { type CriEvent, isCriError } from '../cri.ts';
import type { GrpcService, Wire } from './grpc.ts';

const RETRY_MS = 500;
const RELIST_MS = 1000;

export interface WatchServices {
  readonly runtime: GrpcService;
  readonly events: GrpcService;
  /** Decodes the part of any containerd event that names its subject. */
  readonly subjectOf: (topic: string, bytes: Uint8Array) => string;
}

type Mode = 'cri' | 'containerd' | 'relist';

/** Settles when `ctx` aborts. After each (re)connection and each relist period `onGap` is called. */
export async function watchRuntime(
  services: WatchServices,
  onEvent: (event: CriEvent) => void,
  onGap: () => void,
  ctx: Ctx,
): Promise<void> {
  let mode: Mode = 'cri';
  let failedBefore = false;
  while (!ctx.signal.aborted) {
    try {
      if (mode === 'relist') onGap();
      else await stream(mode, services, onEvent, onGap, ctx);
      failedBefore = false;
    } catch (error) {
      if (isCriError(error, 'unimplemented')) {
        mode = mode === 'cri' ? 'containerd' : 'relist';
        ctx.log.info('runtime events unavailable', { next: mode });
        continue;
      }
      const level = failedBefore ? 'debug' : 'warn';
      ctx.log[level]('runtime event stream broke', { mode, error: describeError(error) });
      failedBefore = true;
    }
    await sleep(mode === 'relist' ? RELIST_MS : RETRY_MS, ctx).catch(() => {});
  }
}

async function stream(
  mode: 'cri' | 'containerd',
  services: WatchServices,
  onEvent: (event: CriEvent) => void,
  onGap: () => void,
  ctx: Ctx,
): Promise<void> {
  // The list after the subscription closes the gap: what happens in between is seen by one of the two.
  const gap = ctx.clock.setTimer(50, onGap);
  try {
    if (mode === 'cri') {
      await services.runtime.serverStream('GetContainerEvents', {}, {}, (m) => onEvent(criEvent(m)), ctx);
      return;
    }
    const request = { filters: ['namespace==k8s.io'] };
    const metadata = { 'containerd-namespace': 'k8s.io' };
    await services.events.serverStream(
      'Subscribe',
      request,
      metadata,
      (m) => {
        const event = containerdEvent(m, services.subjectOf);
        if (event !== undefined) onEvent(event);
      },
      ctx,
    );
  } finally {
    gap.cancel();
  }
}

const CRI_TYPES: Readonly<Record<string, CriEvent['type']>> = {
  CONTAINER_CREATED_EVENT: 'created',
  CONTAINER_STARTED_EVENT: 'started',
  CONTAINER_STOPPED_EVENT: 'stopped',
  CONTAINER_DELETED_EVENT: 'deleted',
};

const criEvent = (m: Wire): CriEvent => ({
  id: m.containerId,
  type: CRI_TYPES[m.containerEventType] ?? 'unknown',
  podUid: m.podSandboxStatus?.metadata?.uid ?? '',
});

const TOPICS: Readonly<Record<string, CriEvent['type']>> = {
  '/tasks/exit': 'stopped',
  '/tasks/oom': 'unknown',
  '/tasks/start': 'started',
  '/containers/create': 'created',
  '/containers/delete': 'deleted',
};

function containerdEvent(m: Wire, subjectOf: WatchServices['subjectOf']): CriEvent | undefined {
  const type = Object.hasOwn(TOPICS, m.topic) ? TOPICS[m.topic] : undefined;
  if (type === undefined || !m.event) return undefined;
  const id = subjectOf(m.topic, m.event.value);
  return id === '' ? undefined : { id, type, podUid: '' };
}
