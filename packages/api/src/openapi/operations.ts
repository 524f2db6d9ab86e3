/** The paths of a resource and what can be done there. Source: apiserver/pkg/endpoints/installer.go. */
import type { BuiltInTypeFacts, SubresourceFact } from '../facts/index.ts';
import type { OpenApiResource } from './resource.ts';
import { addResourceSchemas } from './resource.ts';
import type { Json, SchemaBuilder } from './schemas.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: 'string' | 'integer' | 'boolean';
}

export interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'patch' | 'delete' | 'head' | 'options';
  readonly action: string;
  readonly operationId: string;
  readonly query: readonly Parameter[];
  /** Reference to the schema of the body. */
  readonly body?: Json;
  readonly bodyRequired?: boolean;
  /** Reference to the schema of the answer; undefined for plain text. */
  readonly answer: Json | undefined;
  /** Besides 200 and 401. */
  readonly codes: readonly (201 | 202)[];
  readonly streams: boolean;
  /** Of a custom resource, which takes no strategic merge patch: kubectl believes what the document says. */
  readonly isCustom?: boolean;
  readonly kind: { readonly group: string; readonly kind: string; readonly version: string };
}

export interface Path {
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly operations: readonly Operation[];
}

const LIST_QUERY = parametersOf(
  'allowWatchBookmarks:b continue:s fieldSelector:s labelSelector:s limit:i resourceVersion:s resourceVersionMatch:s ' +
    'sendInitialEvents:b shardSelector:s timeoutSeconds:i watch:b',
);
const WRITE_QUERY = parametersOf('dryRun:s fieldManager:s fieldValidation:s');
const PATCH_QUERY = parametersOf('dryRun:s fieldManager:s fieldValidation:s force:b');
const DELETE_QUERY = parametersOf(
  'dryRun:s gracePeriodSeconds:i ignoreStoreReadErrorWithClusterBreakingPotential:b orphanDependents:b ' +
    'propagationPolicy:s',
);
const DELETE_COLLECTION_QUERY = parametersOf(
  'continue:s dryRun:s fieldSelector:s gracePeriodSeconds:i ignoreStoreReadErrorWithClusterBreakingPotential:b ' +
    'labelSelector:s limit:i orphanDependents:b propagationPolicy:s resourceVersion:s resourceVersionMatch:s ' +
    'sendInitialEvents:b shardSelector:s timeoutSeconds:i',
);
const PRETTY: Parameter = { name: 'pretty', in: 'query', type: 'string' };
const NAME: Parameter = { name: 'name', in: 'path', type: 'string' };
const NAMESPACE: Parameter = { name: 'namespace', in: 'path', type: 'string' };
const REST: Parameter = { name: 'path', in: 'path', type: 'string' };

/** Kind of the options of a subresource that connects; its fields are query parameters. */
const CONNECT_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['pods/attach', 'PodAttachOptions'],
  ['pods/exec', 'PodExecOptions'],
  ['pods/portforward', 'PodPortForwardOptions'],
  ['pods/proxy', 'PodProxyOptions'],
  ['services/proxy', 'ServiceProxyOptions'],
  ['nodes/proxy', 'NodeProxyOptions'],
]);
const PROXY_METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const;

export function groupVersionPath({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** `rbac.authorization.k8s.io` -> `rbacAuthorization`; the core group is `core`. */
export function groupTag(group: string): string {
  if (group === '') return 'core';
  return group
    .replace(/\.k8s\.io$/, '')
    .split('.')
    .map((part, i) => (i === 0 ? part : capital(part)))
    .join('');
}

function parametersOf(text: string): readonly Parameter[] {
  const types = { s: 'string', i: 'integer', b: 'boolean' } as const;
  return text.split(' ').map((item) => {
    const [name = '', type = 's'] = item.split(':');
    return { name, in: 'query', type: types[type as keyof typeof types] };
  });
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** All paths of a resource. Its schemas are added to the builder. */
export function pathsOf(resource: OpenApiResource, builder: SchemaBuilder, facts: BuiltInTypeFacts): readonly Path[] {
  return new PathBuilder(resource, builder, facts).run();
}

class PathBuilder {
  readonly #resource: OpenApiResource;
  readonly #builder: SchemaBuilder;
  readonly #facts: BuiltInTypeFacts;
  readonly #object: Json;
  readonly #list: Json | undefined;
  readonly #base: string;
  /** `AppsV1`. */
  readonly #prefix: string;
  /** `NamespacedDeployment`, `Node`. */
  readonly #noun: string;
  readonly #scope: readonly Parameter[];

  constructor(resource: OpenApiResource, builder: SchemaBuilder, facts: BuiltInTypeFacts) {
    this.#resource = resource;
    this.#builder = builder;
    this.#facts = facts;
    ({ object: this.#object, list: this.#list } = addResourceSchemas(builder, resource, facts));
    this.#base = groupVersionPath(resource);
    this.#prefix = `${capital(groupTag(resource.group))}${capital(resource.version)}`;
    this.#noun = `${resource.namespaced ? 'Namespaced' : ''}${resource.kind}`;
    this.#scope = resource.namespaced ? [NAMESPACE] : [];
  }

  run(): readonly Path[] {
    const { plural, namespaced } = this.#resource;
    const collection = `${this.#base}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
    const paths = [
      this.#path(collection, [...this.#scope, PRETTY], this.#collectionOperations()),
      this.#path(`${collection}/{name}`, [NAME, ...this.#scope, PRETTY], this.#itemOperations()),
      ...this.#resource.subresources.flatMap((s) => this.#subresource(`${collection}/{name}/${s.name}`, s)),
      ...(namespaced ? this.#allNamespaces() : []),
      ...this.#watchPaths(),
    ];
    return paths.filter(({ operations }) => operations.length > 0);
  }

  #path(path: string, parameters: readonly Parameter[], operations: readonly (Operation | undefined)[]): Path {
    return { path, parameters, operations: operations.filter((o) => o !== undefined) };
  }

  #operation(
    method: Operation['method'],
    action: string,
    operationId: string,
    rest: Partial<Omit<Operation, 'method' | 'action' | 'operationId'>>,
  ): Operation {
    const { group, kind, version } = this.#resource;
    const defaults = { query: [], answer: this.#object, codes: [], streams: false, kind: { group, kind, version } };
    return { method, action, operationId, ...defaults, ...rest };
  }

  #can(verb: string): boolean {
    return this.#resource.verbs.includes(verb);
  }

  #collectionOperations(): (Operation | undefined)[] {
    const status = () => this.#builder.reference('meta/v1.Status');
    const options = () => this.#builder.reference('meta/v1.DeleteOptions');
    return [
      this.#can('list') ? this.#listOperation(`list${this.#prefix}${this.#noun}`) : undefined,
      this.#can('create')
        ? this.#operation('post', 'post', `create${this.#prefix}${this.#noun}`, {
            query: WRITE_QUERY,
            body: this.#object,
            bodyRequired: true,
            codes: [201, 202],
          })
        : undefined,
      this.#can('deletecollection')
        ? this.#operation('delete', 'deletecollection', `delete${this.#prefix}Collection${this.#noun}`, {
            query: DELETE_COLLECTION_QUERY,
            body: options(),
            answer: status(),
          })
        : undefined,
    ];
  }

  #listOperation(operationId: string): Operation {
    return this.#operation('get', 'list', operationId, { query: LIST_QUERY, answer: this.#list, streams: true });
  }

  #itemOperations(): (Operation | undefined)[] {
    const answer = () => (this.#resource.returnsDeleted ? this.#object : this.#builder.reference('meta/v1.Status'));
    const options = () => this.#builder.reference('meta/v1.DeleteOptions');
    return [
      ...this.#readWrite(this.#resource.verbs, `${this.#prefix}${this.#noun}`, this.#object, undefined),
      this.#can('delete')
        ? this.#operation('delete', 'delete', `delete${this.#prefix}${this.#noun}`, {
            query: DELETE_QUERY,
            body: options(),
            answer: answer(),
            codes: [202],
          })
        : undefined,
    ];
  }

  /** Get, put and patch of an object or a subresource. */
  #readWrite(
    verbs: readonly string[],
    name: string,
    schema: Json,
    kind: Operation['kind'] | undefined,
  ): (Operation | undefined)[] {
    const of = { answer: schema, ...(kind === undefined ? {} : { kind }) };
    return [
      verbs.includes('get') ? this.#operation('get', 'get', `read${name}`, of) : undefined,
      verbs.includes('update')
        ? this.#operation('put', 'put', `replace${name}`, {
            ...of,
            query: WRITE_QUERY,
            body: schema,
            bodyRequired: true,
            codes: [201],
          })
        : undefined,
      verbs.includes('patch')
        ? this.#operation('patch', 'patch', `patch${name}`, {
            ...of,
            query: PATCH_QUERY,
            body: this.#builder.reference('Patch'),
            bodyRequired: true,
            codes: [201],
            isCustom: this.#resource.schema !== undefined,
          })
        : undefined,
    ];
  }

  #subresource(path: string, sub: SubresourceFact): Path[] {
    const options = CONNECT_OPTIONS.get(`${this.#resource.plural}/${sub.name}`);
    if (options !== undefined && this.#resource.group === '') return this.#connect(path, sub, options);
    const kind = { group: sub.group, kind: sub.kind, version: sub.version };
    const parameters = [NAME, ...this.#scope, PRETTY];
    const name = `${this.#prefix}${this.#noun}${capital(sub.name)}`;
    if (this.#resource.group === '' && this.#resource.plural === 'pods' && sub.name === 'log') {
      const query = this.#queryOf('core/v1.PodLogOptions');
      return [
        this.#path(path, parameters, [this.#operation('get', 'get', `read${name}`, { query, answer: undefined })]),
      ];
    }
    const typeId = this.#facts.typeIdOf(kind);
    const isOwn = sub.kind === this.#resource.kind && sub.group === this.#resource.group;
    const schema = isOwn || typeId === undefined ? this.#object : this.#builder.reference(typeId);
    return [
      this.#path(path, parameters, [
        ...this.#readWrite(sub.verbs, name, schema, kind),
        sub.verbs.includes('create')
          ? this.#operation('post', 'post', `create${name}`, {
              kind,
              query: WRITE_QUERY,
              body: schema,
              bodyRequired: true,
              answer: schema,
              codes: [201, 202],
            })
          : undefined,
      ]),
    ];
  }

  #connect(path: string, sub: SubresourceFact, optionsKind: string): Path[] {
    const isProxy = sub.name === 'proxy';
    const methods = isProxy ? PROXY_METHODS : (['get', 'post'] as const);
    const kind = { group: '', kind: optionsKind, version: 'v1' };
    const parameters = [NAME, ...this.#scope, ...this.#queryOf(`core/v1.${optionsKind}`)];
    const operations = (suffix: string) =>
      methods.map((method) => {
        const id = `connect${this.#prefix}${capital(method)}${this.#noun}${capital(sub.name)}${suffix}`;
        return this.#operation(method, 'connect', id, { kind, answer: undefined });
      });
    const whole = this.#path(path, parameters, operations(''));
    return isProxy ? [whole, this.#path(`${path}/{path}`, [...parameters, REST], operations('WithPath'))] : [whole];
  }

  #queryOf(typeId: string): Parameter[] {
    const fields = this.#facts.type(typeId)?.fields.filter((f) => f.name !== 'kind' && f.name !== 'apiVersion') ?? [];
    return fields
      .filter((f) => f.type !== 'Time')
      .map(({ name, type }) => {
        const simple = type === 'boolean' ? 'boolean' : type === 'int32' || type === 'int64' ? 'integer' : 'string';
        return { name, in: 'query', type: simple };
      });
  }

  #allNamespaces(): Path[] {
    if (!this.#can('list')) return [];
    const { plural, kind } = this.#resource;
    const id = `list${this.#prefix}${kind}ForAllNamespaces`;
    return [this.#path(`${this.#base}/${plural}`, [PRETTY], [this.#listOperation(id)])];
  }

  /** Deprecated upstream since 1.11, and still served. */
  #watchPaths(): Path[] {
    if (!this.#can('watch')) return [];
    const { plural, kind, namespaced } = this.#resource;
    const answer = this.#builder.reference('meta/v1.WatchEvent');
    const watch = (action: string, id: string) => [
      this.#operation('get', action, `watch${this.#prefix}${id}`, { query: LIST_QUERY, answer, streams: true }),
    ];
    const root = `${this.#base}/watch`;
    const collection = `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
    return [
      this.#path(collection, [...this.#scope, PRETTY], watch('watchlist', `${this.#noun}List`)),
      this.#path(`${collection}/{name}`, [NAME, ...this.#scope, PRETTY], watch('watch', this.#noun)),
      ...(namespaced
        ? [this.#path(`${root}/${plural}`, [PRETTY], watch('watchlist', `${kind}ListForAllNamespaces`))]
        : []),
    ];
  }
}
