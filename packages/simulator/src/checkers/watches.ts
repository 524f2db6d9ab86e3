/** Every watch is ordered, without gaps, without repeats, and resumes where it ended: held by auditors that only watch. */
import { coreV1, type KindRef, keyOf, type UnknownObject } from '@kapella/api';
import { isReason, sleep } from '@kapella/base';
import { createClient } from '@kapella/client';
import { MASTER } from '@kapella/control-plane';
import type { World } from '../sim/world.ts';
import type { Checker } from './checker.ts';

const RETRY_MS = 500;
/** Short, so that watches are resumed all the time. */
const WATCH_SECONDS = 7;
const NAME = 'watch-guarantees';

export const watchGuarantees: Checker = {
  name: NAME,
  isActor: true,
  watch(world) {
    const audited = [coreV1.Pod, coreV1.ConfigMap].map((kind) => new Auditor(world, kind as KindRef<UnknownObject>));
    for (const auditor of audited) auditor.start();
    auditors.set(world, audited);
  },
  atRest(world) {
    for (const auditor of auditors.get(world) ?? []) auditor.compare();
  },
};

const auditors = new WeakMap<World, readonly Auditor[]>();

class Auditor {
  readonly #world: World;
  readonly #kind: KindRef<UnknownObject>;
  readonly #model = new Map<string, UnknownObject>();
  #revision = 0;

  constructor(world: World, kind: KindRef<UnknownObject>) {
    this.#world = world;
    this.#kind = kind;
  }

  start(): void {
    const { network, ctx } = this.#world;
    const client = createClient(network.connect(`auditor-${this.#kind.plural}`, MASTER), { userAgent: 'auditor/1' });
    const run = async () => {
      while (!ctx.signal.aborted) {
        try {
          if (this.#revision === 0) await this.#list(client);
          const options = {
            resourceVersion: String(this.#revision),
            allowBookmarks: true,
            timeoutSeconds: WATCH_SECONDS,
          };
          await client.watch(this.#kind, options, ({ type, object }) => this.#take(type, object), ctx);
        } catch (error) {
          if (isReason(error, 'Expired', 'Gone')) this.#revision = 0;
        }
        await sleep(RETRY_MS, ctx).catch(() => {}); // the simulation is over
      }
    };
    run().catch((error: unknown) => this.#wrong(`the auditor failed: ${error}`));
  }

  async #list(client: ReturnType<typeof createClient>): Promise<void> {
    const page = await client.list(this.#kind, {}, this.#world.ctx);
    this.#model.clear();
    for (const object of page.items) this.#model.set(keyOf(object), object);
    this.#revision = Number(page.metadata.resourceVersion);
  }

  #take(type: string, object: UnknownObject): void {
    const revision = Number(object.metadata.resourceVersion);
    const key = type === 'BOOKMARK' ? '' : keyOf(object);
    if (type === 'BOOKMARK' ? revision < this.#revision : revision <= this.#revision)
      this.#wrong(`${type} ${key} at ${revision} came after ${this.#revision}`);
    this.#revision = Math.max(this.#revision, revision);
    if (type === 'BOOKMARK') return;
    this.#checkGap(key, revision);
    const known = this.#model.has(key);
    if (type === 'ADDED' && known) this.#wrong(`ADDED ${key}, which was there`);
    if (type !== 'ADDED' && !known) this.#wrong(`${type} ${key}, which was not there`);
    if (type === 'DELETED') this.#model.delete(key);
    else this.#model.set(key, object);
  }

  /** Of an object that is known, no change is left out. */
  #checkGap(key: string, revision: number): void {
    const known = Number(this.#model.get(key)?.metadata.resourceVersion ?? 0);
    const before = this.#world.truth.before.get(revision) ?? known;
    if (known !== 0 && before !== known)
      this.#wrong(`${key} at ${revision} came after ${known}, and ${before} was left out`);
  }

  compare(): void {
    const shape = (objects: Iterable<UnknownObject>) =>
      [...objects].map((object) => `${keyOf(object)}@${object.metadata.resourceVersion}`).sort();
    const seen = shape(this.#model.values());
    const there = shape(this.#world.truth.list(this.#kind.kind));
    if (seen.join() === there.join()) return;
    const odd = [...seen.filter((name) => !there.includes(name)), ...there.filter((name) => !seen.includes(name))];
    this.#wrong(`what the watch told differs from the disk in ${odd.slice(0, 5).join(', ')}`);
  }

  #wrong(message: string): void {
    this.#world.violate(NAME, `${this.#kind.plural}: ${message}`);
  }
}
