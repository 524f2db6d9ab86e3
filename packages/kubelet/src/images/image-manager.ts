/** Makes sure that a container's image is there. Source: kubernetes pkg/kubelet/images/image_manager.go. */
import { formatDurationMs } from '@kapella/api';
import type { Pod, Secret } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { PodSandboxConfig } from '../cri/config.ts';
import type { Cri, CriAuth, CriImage } from '../cri/cri.ts';
import { backedOffUntil, type BackoffEntry, CRASH_LOOP, nextBackoff } from '../lifecycle/backoff.ts';
import { StartError } from '../pods/start-error.ts';
import { parseImageName, withDefaultTag } from './image-name.ts';
import { credentialsFor } from './keyring.ts';

/** What went wrong is shown that long before the status says that we wait. */
const FAILURE_SHOWN_MS = 2000;

export type ImageEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface ImageRequest {
  readonly pod: Pod;
  readonly image: string;
  readonly policy: 'Always' | 'IfNotPresent' | 'Never';
  readonly secrets: readonly Secret[];
  readonly sandbox: PodSandboxConfig;
  readonly event: ImageEvent;
}

export interface ImageManager {
  /** Answers what the runtime has. Throws StartError with the waiting reason. */
  ensure(request: ImageRequest, ctx: Ctx): Promise<CriImage>;
  forget(podUid: string): void;
}

interface Failure {
  readonly backoff: BackoffEntry;
  readonly failedAtMs: number;
  readonly message: string;
}

/** Pulls of one image with the same credentials are one pull; different images are pulled side by side. */
export const createImageManager = (
  cri: Cri,
  pullCtx: Ctx,
  onPulled: (sizeBytes: number, seconds: number) => void = () => {},
): ImageManager => new Images(cri, pullCtx, onPulled);

class Images implements ImageManager {
  readonly #cri: Cri;
  readonly #pullCtx: Ctx;
  readonly #onPulled: (sizeBytes: number, seconds: number) => void;
  readonly #failures = new Map<string, Failure>();
  readonly #pulls = new Map<string, Promise<string>>();

  constructor(cri: Cri, pullCtx: Ctx, onPulled: (sizeBytes: number, seconds: number) => void) {
    this.#onPulled = onPulled;
    this.#cri = cri;
    this.#pullCtx = pullCtx;
  }

  async ensure(request: ImageRequest, ctx: Ctx): Promise<CriImage> {
    const { image: asked, policy, event, pod } = request;
    const image = withDefaultTag(asked);
    if (image === undefined) {
      const cause = `couldn't parse image name "${asked}": invalid reference format`;
      const why = `Failed to apply default image tag "${asked}": ${cause}`;
      event('Warning', 'InspectFailed', why);
      throw new StartError('InvalidImageName', why);
    }
    const present = policy === 'Always' ? undefined : await inspect(this.#cri, image, event, ctx);
    if (present !== undefined) {
      const how = 'already present on machine and can be accessed by the pod';
      event('Normal', 'Pulled', `Container image "${asked}" ${how}`);
      return present;
    }
    if (policy === 'Never') {
      const why = `Container image "${asked}" is not present with pull policy of Never`;
      event('Warning', 'ErrImageNeverPull', why);
      throw new StartError('ErrImageNeverPull', why);
    }
    const key = `${pod.metadata.uid}_${asked}`;
    refuseWhileBackedOff(this.#failures.get(key), request, ctx);
    return await this.#pull(key, image, request, ctx);
  }

  forget(podUid: string): void {
    for (const key of [...this.#failures.keys()]) if (key.startsWith(`${podUid}_`)) this.#failures.delete(key);
  }

  async #pull(key: string, image: string, request: ImageRequest, ctx: Ctx): Promise<CriImage> {
    const { image: asked, event } = request;
    event('Normal', 'Pulling', `Pulling image "${asked}"`);
    const startMs = ctx.clock.monotonicMs();
    try {
      const ref = await orAborted(this.#pullWithAny(image, request), ctx);
      const found = (await this.#cri.imageStatus(ref, ctx)) ?? (await this.#cri.imageStatus(image, ctx));
      if (found === undefined) throw new Error(`image ${ref} is not there after its pull`);
      this.#onPulled(found.sizeBytes, (ctx.clock.monotonicMs() - startMs) / 1000);
      const took = formatDurationMs(Math.round(ctx.clock.monotonicMs() - startMs));
      const size = `Image size: ${found.sizeBytes} bytes.`;
      event('Normal', 'Pulled', `Successfully pulled image "${asked}" in ${took} (${took} including waiting). ${size}`);
      this.#failures.delete(key);
      return found;
    } catch (error) {
      if (ctx.signal.aborted) throw error;
      const text = describeFirst(error);
      event('Warning', 'Failed', `Failed to pull image "${asked}": ${text}`);
      const nowMs = ctx.clock.nowMs();
      const backoff = nextBackoff(this.#failures.get(key)?.backoff, nowMs, nowMs, CRASH_LOOP);
      this.#failures.set(key, { backoff, failedAtMs: nowMs, message: text });
      throw new StartError('ErrImagePull', text, nowMs + Math.min(backoff.delayMs, FAILURE_SHOWN_MS));
    }
  }

  async #pullWithAny(image: string, request: ImageRequest): Promise<string> {
    const auths = credentialsFor(parseImageName(image)?.repository ?? '', request.secrets);
    let last: unknown;
    for (const auth of auths.length === 0 ? [undefined] : auths) {
      try {
        return await this.#pullOnce(image, auth, request.sandbox);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  #pullOnce(image: string, auth: CriAuth | undefined, sandbox: PodSandboxConfig): Promise<string> {
    const key = `${image}\n${JSON.stringify(auth ?? {})}`;
    const running = this.#pulls.get(key);
    if (running !== undefined) return running;
    // Under the agent's context: a Pod that goes away does not stop a pull that others wait for.
    const pull = this.#cri.pullImage(image, auth, sandbox, this.#pullCtx).finally(() => this.#pulls.delete(key));
    this.#pulls.set(key, pull);
    return pull;
  }
}

const describeFirst = (error: unknown) => (error instanceof Error ? error.message : describeError(error));

async function inspect(cri: Cri, image: string, event: ImageEvent, ctx: Ctx): Promise<CriImage | undefined> {
  try {
    return await cri.imageStatus(image, ctx);
  } catch (error) {
    const why = `Failed to inspect image "": ${describeError(error)}`;
    event('Warning', 'InspectFailed', why);
    throw new StartError('ImageInspectError', why);
  }
}

function refuseWhileBackedOff(failure: Failure | undefined, request: ImageRequest, ctx: Ctx): void {
  if (failure === undefined) return;
  const until = backedOffUntil(failure.backoff, failure.failedAtMs, ctx.clock.nowMs(), CRASH_LOOP);
  if (until === undefined) return;
  const shownUntil = failure.failedAtMs + FAILURE_SHOWN_MS;
  if (ctx.clock.nowMs() < shownUntil) throw new StartError('ErrImagePull', failure.message, shownUntil, false);
  const text = `Back-off pulling image "${request.image}"`;
  request.event('Normal', 'BackOff', text);
  throw new StartError('ImagePullBackOff', `${text}: ErrImagePull: ${failure.message}`, until);
}

/** The pull goes on; only this caller stops waiting for it. */
function orAborted<T>(promise: Promise<T>, { signal }: Ctx): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
