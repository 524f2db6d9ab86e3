/** Removes images that no container uses when their disk fills up. Source: kubernetes pkg/kubelet/images/image_gc_manager.go. */
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { EventRecorder } from '@kapella/client';
import type { Cri, CriImage } from '../cri/cri.ts';
import type { FsStats } from '../stats/summary.ts';
import { withDefaultTag } from './image-name.ts';

const PERIOD_MS = 5 * 60_000;

export interface ImageGcPolicy {
  readonly imageGCHighThresholdPercent: number;
  readonly imageGCLowThresholdPercent: number;
  readonly imageMinimumGCAgeMs: number;
  /** 0 = no limit. */
  readonly imageMaximumGCAgeMs: number;
}

export interface ImageUse {
  readonly image: CriImage;
  readonly firstSeenMs: number;
  /** 0 = never since this agent has started. */
  readonly lastUsedMs: number;
}

/** Least recently used first, then oldest, until `bytesToFree` are reached. `nowMs`: when the images were looked at. */
export function planImageRemoval(
  uses: readonly ImageUse[],
  bytesToFree: number,
  minimumAgeMs: number,
  nowMs: number,
): readonly CriImage[] {
  const chosen: CriImage[] = [];
  let freed = 0;
  const order = uses.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs || a.firstSeenMs - b.firstSeenMs);
  for (const { image, firstSeenMs, lastUsedMs } of order) {
    if (freed >= bytesToFree) break;
    if (image.pinned || lastUsedMs >= nowMs || nowMs - firstSeenMs < minimumAgeMs) continue;
    chosen.push(image);
    freed += image.sizeBytes;
  }
  return chosen;
}

export interface ImageGcDeps {
  readonly cri: Pick<Cri, 'listImages' | 'removeImage'>;
  readonly policy: ImageGcPolicy;
  readonly recorder: EventRecorder;
  readonly subject: Parameters<EventRecorder['event']>[0];
  /** Names and ids that containers, running or ended, were made of. */
  usedImages(): ReadonlySet<string>;
  /** Never removed: the sandbox's own. */
  readonly keptImages: readonly string[];
  imageFs(ctx: Ctx): Promise<FsStats | undefined>;
  onRemoved?(reason: 'age' | 'space'): void;
}

export interface ImageGc {
  /** Everything that nothing uses, however full the disk is. Answers the freed bytes. */
  removeUnused(ctx: Ctx): Promise<number>;
  /** One look at the disk. */
  collect(ctx: Ctx): Promise<void>;
  /** Every five minutes until `ctx` aborts. */
  run(ctx: Ctx): Promise<void>;
}

export const createImageGc = (deps: ImageGcDeps): ImageGc => new Collector(deps);

class Collector implements ImageGc {
  readonly #deps: ImageGcDeps;
  readonly #uses = new Map<string, { firstSeenMs: number; lastUsedMs: number }>();

  constructor(deps: ImageGcDeps) {
    this.#deps = deps;
  }

  async #look(ctx: Ctx): Promise<{ readonly uses: readonly ImageUse[]; readonly nowMs: number }> {
    const images = await this.#deps.cri.listImages(ctx);
    const used = this.#deps.usedImages();
    const kept = new Set(this.#deps.keptImages.map((name) => withDefaultTag(name) ?? name));
    const nowMs = ctx.clock.nowMs();
    const ids = new Set(images.map(({ id }) => id));
    for (const id of this.#uses.keys()) if (!ids.has(id)) this.#uses.delete(id);
    const uses = images.map((image): ImageUse => {
      const names = [image.id, ...image.repoTags, ...image.repoDigests];
      const entry = this.#uses.get(image.id) ?? { firstSeenMs: nowMs, lastUsedMs: 0 };
      this.#uses.set(image.id, entry);
      if (names.some((name) => used.has(name) || kept.has(name))) entry.lastUsedMs = nowMs;
      return { image, ...entry };
    });
    return { uses, nowMs };
  }

  async #remove(images: readonly CriImage[], ctx: Ctx, reason: 'age' | 'space' = 'space'): Promise<number> {
    let freed = 0;
    for (const { id, sizeBytes } of images) {
      try {
        await this.#deps.cri.removeImage(id, ctx);
        this.#uses.delete(id);
        this.#deps.onRemoved?.(reason);
        freed += sizeBytes;
      } catch (error) {
        ctx.signal.throwIfAborted();
        ctx.log.warn('image not removed', { image: id, error: describeError(error) });
      }
    }
    return freed;
  }

  async removeUnused(ctx: Ctx): Promise<number> {
    const { uses, nowMs } = await this.#look(ctx);
    return await this.#remove(planImageRemoval(uses, Number.POSITIVE_INFINITY, 0, nowMs), ctx);
  }

  async collect(ctx: Ctx): Promise<void> {
    const { policy, recorder, subject } = this.#deps;
    const { uses, nowMs } = await this.#look(ctx);
    await this.#removeOld(uses, nowMs, ctx);
    const fs = await this.#deps.imageFs(ctx);
    if (!fs?.capacityBytes || fs.availableBytes === undefined) return;
    const usedPercent = 100 - Math.floor((fs.availableBytes * 100) / fs.capacityBytes);
    if (usedPercent < policy.imageGCHighThresholdPercent) return;
    const wanted = Math.floor((fs.capacityBytes * (100 - policy.imageGCLowThresholdPercent)) / 100) - fs.availableBytes;
    ctx.log.info('image disk is filling up', { usedPercent, bytesToFree: wanted });
    const freed = await this.#remove(planImageRemoval(uses, wanted, policy.imageMinimumGCAgeMs, nowMs), ctx);
    if (freed >= wanted) return;
    const amounts = `Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    const message = `Failed to garbage collect required amount of images. ${amounts}`;
    recorder.event(subject, 'Warning', 'FreeDiskSpaceFailed', message);
  }

  async #removeOld(uses: readonly ImageUse[], nowMs: number, ctx: Ctx): Promise<void> {
    const { imageMaximumGCAgeMs: ageMax, imageMinimumGCAgeMs: ageMin } = this.#deps.policy;
    if (ageMax === 0) return;
    const old = uses.filter(({ lastUsedMs, firstSeenMs }) => nowMs - Math.max(lastUsedMs, firstSeenMs) > ageMax);
    await this.#remove(planImageRemoval(old, Number.POSITIVE_INFINITY, ageMin, nowMs), ctx, 'age');
  }

  async run(ctx: Ctx): Promise<void> {
    while (!ctx.signal.aborted) {
      await this.collect(ctx).catch((error: unknown) => {
        if (!ctx.signal.aborted) ctx.log.warn('images not collected', { error: describeError(error) });
      });
      await sleep(PERIOD_MS, ctx).catch(() => {});
    }
  }
}
