/**
 * Every group and version that this server serves itself has an APIService without a service: built-in ones from the start,
 * those of custom resources as they come and go.
 * Source: kube-aggregator pkg/controllers/autoregister, kubernetes pkg/controlplane/controller/crdregistration.
 */
import { apiextensionsV1, apiregistrationV1 } from '@kapella/api';
import type { CustomResourceDefinition } from '@kapella/api/types/apiextensions-v1';
import type { APIService } from '@kapella/api/types/apiregistration-v1';
import type { ApiServer } from '@kapella/apiserver';
import { type Ctx, describeError, isReason, jsonEqual } from '@kapella/base';
import { CUSTOM_PRIORITY, prioritiesOf } from './priorities.ts';

const AUTOMANAGED = 'kube-aggregator.kubernetes.io/automanaged';

/** Runs until `ctx` ends. */
export function startAutoRegister(server: ApiServer, ctx: Ctx): void {
  new AutoRegister(server, ctx).start();
}

interface Wanted {
  readonly label: 'onstart' | 'true';
  readonly spec: APIService['spec'];
}

class AutoRegister {
  readonly #server: ApiServer;
  readonly #ctx: Ctx;
  readonly #builtIn = new Map<string, Wanted>();
  /** Served versions by definition. */
  readonly #custom = new Map<string, { readonly group: string; readonly versions: readonly string[] }>();
  readonly #busy = new Map<string, boolean>();

  constructor(server: ApiServer, ctx: Ctx) {
    this.#server = server;
    this.#ctx = ctx;
  }

  start(): void {
    for (const { group, version, definition } of this.#server.registry.all()) {
      // The aggregator's own group is nobody's to give away.
      if (definition.schema !== undefined || group === apiregistrationV1.APIService.group) continue;
      this.#builtIn.set(`${version}.${group}`, {
        label: 'onstart',
        spec: { ...(group === '' ? {} : { group }), version, ...prioritiesOf(group, version) } as APIService['spec'],
      });
    }
    for (const name of this.#builtIn.keys()) this.#sync(name);
    const { access } = this.#server;
    access.follow<CustomResourceDefinition>(apiextensionsV1.CustomResourceDefinition, ({ deleted, name, object }) => {
      const before = this.#namesOf(name);
      if (deleted) this.#custom.delete(name);
      else {
        const { group, versions } = object().spec;
        const served = versions.filter((version) => version.served).map((version) => version.name);
        this.#custom.set(name, { group, versions: served });
      }
      for (const each of new Set([...before, ...this.#namesOf(name)])) this.#sync(each);
    });
    access.follow<APIService>(apiregistrationV1.APIService, ({ name }) => {
      // What is managed comes back, and what was left behind goes.
      if (!this.#builtIn.has(name)) this.#sync(name);
    });
  }

  #namesOf(definition: string): readonly string[] {
    const { group, versions = [] } = this.#custom.get(definition) ?? {};
    return versions.map((version) => `${version}.${group}`);
  }

  #wanted(name: string): Wanted | undefined {
    const builtIn = this.#builtIn.get(name);
    if (builtIn !== undefined) return builtIn;
    const dot = name.indexOf('.');
    const [version, group] = [name.slice(0, dot), name.slice(dot + 1)];
    const isServed = [...this.#custom.values()].some((each) => each.group === group && each.versions.includes(version));
    return isServed ? { label: 'true', spec: { group, version, ...CUSTOM_PRIORITY } as APIService['spec'] } : undefined;
  }

  /** One at a time for each name; what changes meanwhile is looked at afterwards. */
  #sync(name: string): void {
    if (this.#ctx.signal.aborted) return;
    if (this.#busy.has(name)) {
      this.#busy.set(name, true);
      return;
    }
    this.#busy.set(name, false);
    this.#syncOnce(name)
      .catch((error: unknown) => {
        if (this.#ctx.signal.aborted || isReason(error, 'NotFound') || isReason(error, 'AlreadyExists')) return;
        this.#ctx.log.error('local APIService not registered', { name, error: describeError(error) });
      })
      .finally(() => {
        const again = this.#busy.get(name) === true;
        this.#busy.delete(name);
        if (again) this.#sync(name);
      });
  }

  async #syncOnce(name: string): Promise<void> {
    const { access } = this.#server;
    const kind = apiregistrationV1.APIService;
    const wanted = this.#wanted(name);
    const found = await access.get(kind, '', name);
    if (found === undefined) {
      if (wanted === undefined) return;
      const metadata = { name, labels: { [AUTOMANAGED]: wanted.label } };
      await access.create(kind, { metadata, spec: wanted.spec } as unknown as APIService, this.#ctx);
      return;
    }
    // Somebody took it over: it is theirs now.
    const label = found.metadata.labels?.[AUTOMANAGED];
    if (label !== 'true' && label !== 'onstart') return;
    if (wanted === undefined) {
      if (label === 'true') await access.delete(kind, '', name, {}, this.#ctx);
      return;
    }
    if (jsonEqual(found.spec, wanted.spec) && label === wanted.label) return;
    const change = (old: APIService): APIService => ({
      ...old,
      metadata: { ...old.metadata, labels: { ...old.metadata.labels, [AUTOMANAGED]: wanted.label } },
      spec: wanted.spec,
    });
    await access.update(kind, '', name, change, this.#ctx);
  }
}
