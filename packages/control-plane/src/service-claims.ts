/**
 * Node ports of several servers over one store: who holds which is a key of its own, made only where there is none. A claim
 * whose Service never came, or gave the port up, is taken over. Cluster IPs have IPAddress objects.
 */
import { coreV1 } from '@kapella/api';
import type { Service } from '@kapella/api/types/core-v1';
import type { Registry } from '@kapella/apiserver';
import { type Ctx, describeError } from '@kapella/base';
import { claimsOf, type ServiceClaims } from '@kapella/resources';
import type { CachedObject, KeyValue, Store } from '@kapella/store';

const PREFIX = '/registry/kapella.dev/serviceclaims/';
/** A Service that is to hold a claim is written within the time of one request. */
const PENDING_MS_MAX = 60_000;
const TRIES_MAX = 5;

interface Claim {
  /** `namespace/name` of the Service. */
  readonly owner: string;
  readonly atMs: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** `registry` is asked when the first claim is contested. */
export function createServiceClaims(store: Store, registry: () => Registry, ctx: Ctx): ServiceClaims {
  return new StoreClaims(store, registry, ctx);
}

class StoreClaims implements ServiceClaims {
  readonly #store: Store;
  readonly #registry: () => Registry;
  readonly #ctx: Ctx;

  constructor(store: Store, registry: () => Registry, ctx: Ctx) {
    this.#store = store;
    this.#registry = registry;
    this.#ctx = ctx;
  }

  async claim(owner: string, values: readonly string[], ctx: Ctx): Promise<readonly string[]> {
    const results = await Promise.all(values.map((value) => this.#claimOne(owner, value, ctx)));
    return values.filter((_, i) => results[i] === false);
  }

  release(owner: string, values: readonly string[]): void {
    for (const value of values) {
      this.#releaseOne(owner, value).catch((error: unknown) => {
        this.#ctx.log.warn('claim not released', { value, error: describeError(error) });
      });
    }
  }

  async #claimOne(owner: string, value: string, ctx: Ctx): Promise<boolean> {
    const claim: Claim = { owner, atMs: ctx.clock.nowMs() };
    const write = { key: PREFIX + value, value: encoder.encode(JSON.stringify(claim)) };
    let expectedRevision = 0;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const result = await this.#store.commit({ ...write, expectedRevision }, ctx);
      if (result.ok) return true;
      const { current } = result;
      if (current !== undefined && !(await this.#mayTakeOver(owner, value, current, ctx))) return false;
      expectedRevision = current?.modRevision ?? 0;
    }
    return false;
  }

  async #mayTakeOver(owner: string, value: string, held: KeyValue, ctx: Ctx): Promise<boolean> {
    const claim = claimOf(held);
    if (claim.owner === owner) return true;
    const service = await this.#service(claim.owner, ctx);
    if (service === undefined) return ctx.clock.nowMs() - claim.atMs > PENDING_MS_MAX;
    // Written after the claim and without it: no write that counts on the claim can still succeed.
    return service.revision > held.modRevision && !claimsOf(service.object<Service>()).includes(value);
  }

  #service(owner: string, ctx: Ctx): Promise<CachedObject | undefined> {
    const { group, version, plural } = coreV1.Service;
    const cache = this.#registry().find(group, version, plural)?.storage?.cache;
    return cache === undefined ? Promise.resolve(undefined) : cache.read(owner, ctx);
  }

  async #releaseOne(owner: string, value: string): Promise<void> {
    const found = await this.#store.get(PREFIX + value, this.#ctx);
    if (found === undefined || claimOf(found).owner !== owner) return;
    // A create that failed because its Service is there gives back nothing of that Service's.
    const service = await this.#service(owner, this.#ctx);
    if (service !== undefined && claimsOf(service.object<Service>()).includes(value)) return;
    await this.#store.commit({ key: found.key, value: undefined, expectedRevision: found.modRevision }, this.#ctx);
  }
}

const claimOf = ({ value }: KeyValue): Claim => JSON.parse(decoder.decode(value)) as Claim;
