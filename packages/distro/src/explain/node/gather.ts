/** Reads what an explanation needs with the rights of who asks, and explains. */
import {
  appsV1,
  coreV1,
  discoveryV1,
  type KindRef,
  type KubeObject,
  policyV1,
  resourceV1,
  storageV1,
  type UnknownObject,
} from '@kapella/api';
import type { Event, PersistentVolumeClaim, Pod, Service } from '@kapella/api/types/core-v1';
import { type Ctx, isReason } from '@kapella/base';
import { CliError } from '@kapella/cli';
import type { Client } from '@kapella/client';
import { buildProfiles, createStaticLookup, defaultConfig, type Profile } from '@kapella/scheduler';
import { explainClaim } from '../claim.ts';
import { explainDeletion } from '../deletion.ts';
import { explainField } from '../field.ts';
import type { Findings } from '../findings.ts';
import { explainPlacement } from '../placement.ts';
import { explainService } from '../service.ts';
import { type EventLine, explainUnready } from '../unready.ts';

export interface Question {
  readonly kind: KindRef<UnknownObject>;
  readonly name: string;
  readonly namespace: string | undefined;
  /** Path of a field: who changed it is asked, not how the object is. */
  readonly field: string | undefined;
}

/** Throws CliError when the object is not there. */
export async function answerQuestion(question: Question, client: Client, ctx: Ctx): Promise<Findings> {
  const { kind, name, namespace, field } = question;
  const where = kind.namespaced ? { name, namespace: namespace ?? 'default' } : { name };
  const object = await client.get(kind, where, ctx);
  if (object === undefined) {
    const place = kind.namespaced ? ` in namespace ${where.namespace}` : '';
    throw new CliError(
      'Failed',
      `there is no ${kind.kind} ${name}${place}`,
      'Give another --namespace, or see kubectl get.',
    );
  }
  if (field !== undefined) return explainField(object, field);
  const reader = new Reader(client, ctx);
  if (object.metadata.deletionTimestamp !== undefined) return reader.deletion(object);
  switch (`${kind.group}/${kind.kind}`) {
    case '/Pod':
      return reader.pod(object as unknown as Pod);
    case '/Service':
      return reader.service(object as unknown as Service);
    case '/PersistentVolumeClaim':
      return reader.claim(object as unknown as PersistentVolumeClaim);
    default:
      return {
        answer: 'it exists and is not being deleted',
        because: conditionLines(object),
        fixes: [`Ask who changed a field: kapella explain ${kind.plural} ${name} spec.replicas`],
      };
  }
}

function conditionLines(object: UnknownObject): string[] {
  const { conditions = [] } = (object['status'] ?? {}) as {
    readonly conditions?: readonly { type: string; status: string; reason?: string; message?: string }[];
  };
  return conditions.map(({ type, status, reason, message }) =>
    [`${type} is ${status}`, reason === undefined ? '' : ` (${reason})`, message ? `: ${message}` : ''].join(''),
  );
}

/** Kinds that the filters look things up in. */
const LOOKED_UP: readonly KindRef<KubeObject>[] = [
  ...[coreV1.Namespace, coreV1.Service, coreV1.ReplicationController, coreV1.PersistentVolume],
  ...[coreV1.PersistentVolumeClaim, appsV1.ReplicaSet, appsV1.StatefulSet, policyV1.PodDisruptionBudget],
  ...[storageV1.StorageClass, storageV1.CSINode, storageV1.CSIDriver, storageV1.CSIStorageCapacity],
  ...[storageV1.VolumeAttachment, resourceV1.DeviceClass, resourceV1.ResourceClaim, resourceV1.ResourceSlice],
] as never;

class Reader {
  readonly #client: Client;
  readonly #ctx: Ctx;
  /** What who asks may not list: told with the answer, since it may be why the answer is wrong. */
  readonly #hidden: string[] = [];

  constructor(client: Client, ctx: Ctx) {
    this.#client = client;
    this.#ctx = ctx;
  }

  async pod(pod: Pod): Promise<Findings> {
    if (pod.spec.nodeName) return explainUnready(pod, await this.#events(pod));
    const [nodes, pods, ...looked] = await Promise.all([
      this.#list(coreV1.Node),
      this.#list(coreV1.Pod),
      ...LOOKED_UP.map((kind) => this.#list(kind)),
    ]);
    const lookup = createStaticLookup(looked.flat());
    const profile = buildProfiles(defaultConfig(), { lookup })[0] as Profile;
    return this.#told(explainPlacement({ pod, nodes, pods, profile, lookup }));
  }

  async service(service: Service): Promise<Findings> {
    const { name, namespace } = service.metadata;
    const labelSelector = `kubernetes.io/service-name=${name}`;
    const [pods, slices] = await Promise.all([
      this.#list(coreV1.Pod, { namespace }),
      this.#list(discoveryV1.EndpointSlice, { namespace, labelSelector }),
    ]);
    return this.#told(explainService({ service, pods, slices }));
  }

  async claim(claim: PersistentVolumeClaim): Promise<Findings> {
    const { namespace } = claim.metadata;
    const [classes, volumes, pods, events] = await Promise.all([
      this.#list(storageV1.StorageClass),
      this.#list(coreV1.PersistentVolume),
      this.#list(coreV1.Pod, { namespace }),
      this.#events(claim),
    ]);
    return this.#told(explainClaim({ claim, classes, volumes, pods, events }));
  }

  async deletion(object: UnknownObject): Promise<Findings> {
    const { finalizers = [], managedFields = [] } = object.metadata;
    const setBy = new Map<string, string>();
    for (const finalizer of finalizers) {
      const entry = managedFields.find(({ fieldsV1 }) =>
        JSON.stringify(fieldsV1 ?? {}).includes(JSON.stringify(`v:"${finalizer}"`)),
      );
      if (entry?.manager !== undefined) setBy.set(finalizer, entry.manager);
    }
    return this.#told(explainDeletion(object, { setBy, users: await this.#usersOf(object) }));
  }

  async #usersOf({ kind, metadata: { name, namespace } }: UnknownObject): Promise<string[]> {
    if (kind !== 'PersistentVolumeClaim') return [];
    const pods = await this.#list(coreV1.Pod, { namespace });
    return pods
      .filter(({ spec }) => spec.volumes?.some((v) => v.persistentVolumeClaim?.claimName === name) === true)
      .map(({ metadata }) => `pod ${metadata.name}`);
  }

  /** Warnings, the newest first. */
  async #events({ metadata }: { readonly metadata: KubeObject['metadata'] }): Promise<EventLine[]> {
    const fieldSelector = `involvedObject.uid=${metadata.uid}`;
    const events = await this.#list(coreV1.Event, { namespace: metadata.namespace, fieldSelector });
    return events
      .filter(({ type }) => type === 'Warning')
      .toSorted((a, b) => (seenLast(a) < seenLast(b) ? 1 : -1))
      .map(({ reason = '', message = '', count = 1 }) => ({ reason, message, count }));
  }

  async #list<T>(kind: KindRef<T>, options: Readonly<Record<string, string | undefined>> = {}): Promise<T[]> {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    try {
      return [...(await this.#client.list(kind, given, this.#ctx)).items];
    } catch (error) {
      if (!isReason(error, 'Forbidden', 'NotFound')) throw error;
      this.#hidden.push(kind.plural);
      return [];
    }
  }

  #told(findings: Findings): Findings {
    if (this.#hidden.length === 0) return findings;
    const text = `You may not list ${this.#hidden.join(', ')}: the answer does without them.`;
    return { ...findings, because: [...findings.because, text] };
  }
}

/** Whichever of the two kinds of events it is. */
function seenLast({ lastTimestamp, series, eventTime }: Event): string {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? '';
}
