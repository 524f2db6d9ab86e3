/** TypeFacts over the generated table. A type is decoded when it is first asked for, so start-up pays for none. */
import { PACKAGE_LINES, TYPE_LINES } from '../gen/facts.gen.ts';
import type { FieldFact, TypeFact, TypeFacts } from '../schema.ts';
import { decodeTypeLine } from './decode-line.ts';

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Facts about the built-in types, with the lookups that need the names of groups. */
export interface BuiltInTypeFacts extends TypeFacts {
  /** Id of the type of a kind, `PodList` and `DeleteOptions` included; undefined for a kind that is not built in. */
  typeIdOf(kind: GroupVersionKind): string | undefined;
  /** The kind that a type id stands for: the inverse of `typeIdOf`. */
  kindOf(typeId: string): GroupVersionKind | undefined;
  /** Id by OpenAPI definition name. */
  typeIdOfDefinition(definition: string): string | undefined;
  /** All ids, in the order of the table. */
  ids(): readonly string[];
}

interface Loaded {
  readonly fact: TypeFact;
  readonly byName: ReadonlyMap<string, FieldFact>;
}

/** Kinds of meta/v1 that every group and version has as its own. */
const IN_EVERY_GROUP: ReadonlySet<string> = new Set([
  'WatchEvent',
  'ListOptions',
  'GetOptions',
  'DeleteOptions',
  'CreateOptions',
  'UpdateOptions',
  'PatchOptions',
]);
/** Kinds of meta/v1 that are in the core group's v1 only. */
const IN_CORE: ReadonlySet<string> = new Set(['Status', 'APIVersions', 'APIGroupList', 'APIGroup', 'APIResourceList']);

export function createTypeFacts(): BuiltInTypeFacts {
  return new TableTypeFacts();
}

class TableTypeFacts implements BuiltInTypeFacts {
  readonly #lines = new Map<string, string>();
  readonly #loaded = new Map<string, Loaded>();
  readonly #packages: readonly (readonly string[])[];
  /** `group/version` -> package id. */
  readonly #idByGroupVersion = new Map<string, string>();

  constructor() {
    for (const line of TYPE_LINES) this.#lines.set(line.slice(0, line.indexOf('\t')), line);
    this.#packages = PACKAGE_LINES.map((line) => line.split('\t'));
    for (const [id = '', group, version] of this.#packages) this.#idByGroupVersion.set(`${group}/${version}`, id);
  }

  type(id: string): TypeFact | undefined {
    return this.#load(id)?.fact;
  }

  field(typeId: string, name: string): FieldFact | undefined {
    return this.#load(typeId)?.byName.get(name);
  }

  typeIdOf({ group, version, kind }: GroupVersionKind): string | undefined {
    const packageId = this.#idByGroupVersion.get(`${group}/${version}`);
    const id = `${packageId}.${kind}`;
    if (this.#lines.has(id)) return id;
    const isMeta = IN_EVERY_GROUP.has(kind) || (group === '' && version === 'v1' && IN_CORE.has(kind));
    return isMeta ? `meta/v1.${kind}` : undefined;
  }

  kindOf(typeId: string): GroupVersionKind | undefined {
    const dot = typeId.lastIndexOf('.');
    const row = this.#packages.find(([id]) => id === typeId.slice(0, dot));
    if (row === undefined || !this.#lines.has(typeId)) return undefined;
    const kind = typeId.slice(dot + 1);
    if (row[0] === 'meta/v1' && (IN_CORE.has(kind) || IN_EVERY_GROUP.has(kind)))
      return { group: '', version: 'v1', kind };
    return { group: row[1] ?? '', version: row[2] ?? '', kind };
  }

  typeIdOfDefinition(definition: string): string | undefined {
    const dot = definition.lastIndexOf('.');
    const row = this.#packages.find(([, , , prefix]) => prefix === definition.slice(0, dot));
    const id = `${row?.[0]}.${definition.slice(dot + 1)}`;
    return this.#lines.has(id) ? id : undefined;
  }

  ids(): readonly string[] {
    return [...this.#lines.keys()];
  }

  #load(id: string): Loaded | undefined {
    const known = this.#loaded.get(id);
    if (known !== undefined) return known;
    const line = this.#lines.get(id);
    if (line === undefined) return undefined;
    const prefix = this.#packages.find(([packageId]) => id.startsWith(`${packageId}.`))?.[3] ?? '';
    const fact = decodeTypeLine(line, prefix);
    const loaded = { fact, byName: new Map(fact.fields.map((field) => [field.name, field])) };
    this.#loaded.set(id, loaded);
    return loaded;
  }
}
