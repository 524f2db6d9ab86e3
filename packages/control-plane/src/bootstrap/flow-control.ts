/**
 * Keeps the FlowSchemas and PriorityLevelConfigurations that every cluster has, and writes what the server finds about
 * them into their status. Sources: kubernetes pkg/registry/flowcontrol/{ensurer,rest}, flowcontrol/apf_controller.go.
 */
import { flowcontrolV1, type KindRef, type UnknownObject } from '@kapella/api';
import type { FlowSchemaCondition } from '@kapella/api/types/flowcontrol-v1';
import {
  AUTO_UPDATE_SPEC,
  type FlowControl,
  MANDATORY_LEVELS,
  MANDATORY_SCHEMAS,
  SUGGESTED_LEVELS,
  SUGGESTED_SCHEMAS,
} from '@kapella/apiserver';
import { type Ctx, describeError, isReason, jsonEqual, setTimerWithin, sleep } from '@kapella/base';
import type { Client } from '@kapella/client';

const MANAGER = 'api-priority-and-fairness-config-producer-v1';
const STATUS_MANAGER = 'api-priority-and-fairness-config-consumer-v1';
const REPAIR_MS = 60_000;
const RETRY_MS = 1_000;

interface Shipped {
  readonly kind?: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

/** Makes what is missing and brings back what is the server's own. Mandatory objects are so whatever their annotation says. */
export async function ensureFlowControl(client: Client, ctx: Ctx): Promise<void> {
  // Levels first: a schema without its level dangles.
  await ensureAll(client, flowcontrolV1.PriorityLevelConfiguration, MANDATORY_LEVELS, SUGGESTED_LEVELS, ctx);
  await ensureAll(client, flowcontrolV1.FlowSchema, MANDATORY_SCHEMAS, SUGGESTED_SCHEMAS, ctx);
}

async function ensureAll(
  client: Client,
  ref: unknown,
  mandatory: readonly Shipped[],
  suggested: readonly Shipped[],
  ctx: Ctx,
): Promise<void> {
  const kind = ref as KindRef<UnknownObject>;
  const { items } = await client.list(kind, {}, ctx);
  const present = new Map(items.map((item) => [item.metadata.name, item]));
  await Promise.all([
    ...mandatory.map((shipped) => ensure(client, kind, shipped, true, present.get(shipped.metadata.name), ctx)),
    ...suggested.map((shipped) => ensure(client, kind, shipped, false, present.get(shipped.metadata.name), ctx)),
    ...items.map((item) => removeStale(client, kind, item, [...mandatory, ...suggested], ctx)),
  ]);
}

async function ensure(
  client: Client,
  kind: KindRef<UnknownObject>,
  shipped: Shipped,
  isMandatory: boolean,
  present: UnknownObject | undefined,
  ctx: Ctx,
): Promise<void> {
  const options = { fieldManager: MANAGER };
  if (present === undefined) {
    await ignoring('AlreadyExists', client.create(kind, shipped as never, ctx, options));
    return;
  }
  const annotation = present.metadata.annotations?.[AUTO_UPDATE_SPEC];
  const isOurs = isMandatory || isAutoUpdated(present);
  const wantedAnnotation = isMandatory || annotation === undefined ? String(isOurs) : annotation;
  const spec = isOurs ? specOf(kind, shipped, present) : present.spec;
  if (annotation === wantedAnnotation && jsonEqual(spec, present.spec)) return;
  const annotations = { ...present.metadata.annotations, [AUTO_UPDATE_SPEC]: wantedAnnotation };
  const next = { ...present, metadata: { ...present.metadata, annotations }, spec };
  await ignoring('Conflict', client.update(kind, next, ctx, options));
}

/** Without a legible annotation, an object that nobody has changed is the server's. */
function isAutoUpdated({ metadata }: UnknownObject): boolean {
  const annotation = metadata.annotations?.[AUTO_UPDATE_SPEC];
  if (annotation === 'true' || annotation === 'false') return annotation === 'true';
  return metadata.generation === 1;
}

/** What administrators may set on the mandatory exempt level stays: its shares and what it lends. */
function specOf(kind: KindRef<UnknownObject>, shipped: Shipped, present: UnknownObject): object {
  if (kind.kind !== 'PriorityLevelConfiguration' || shipped.metadata.name !== 'exempt') return shipped.spec;
  return { ...shipped.spec, exempt: present.spec?.exempt ?? (shipped.spec as { exempt: object }).exempt };
}

/** What an older release shipped and this one does not. */
async function removeStale(
  client: Client,
  kind: KindRef<UnknownObject>,
  item: UnknownObject,
  shipped: readonly Shipped[],
  ctx: Ctx,
): Promise<void> {
  const { annotations, name, uid, resourceVersion } = item.metadata;
  if (annotations?.[AUTO_UPDATE_SPEC] !== 'true' || shipped.some(({ metadata }) => metadata.name === name)) return;
  const preconditions = { uid: uid ?? '', resourceVersion: resourceVersion ?? '' };
  await ignoring('NotFound', ignoring('Conflict', client.delete(kind, item, ctx, preconditions)));
}

async function ignoring(reason: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isReason(error, reason as never)) throw error;
  }
}

/** A minute after a change it repairs the objects, and it writes conditions as they change, until `ctx` ends. */
export function runFlowControl(client: Client, flowControl: FlowControl, ctx: Ctx): void {
  const due = new Map<string, FlowSchemaCondition>();
  let isWriting = false;
  let isRepairing = false;
  const write = async () => {
    isWriting = true;
    while (due.size > 0 && !ctx.signal.aborted) {
      const [name, condition] = due.entries().next().value as [string, FlowSchemaCondition];
      due.delete(name);
      await writeCondition(client, name, condition, ctx).catch(async (error) => {
        if (ctx.signal.aborted) return;
        ctx.log.debug('condition of a FlowSchema not written', { name, error: describeError(error) });
        if (!due.has(name)) due.set(name, condition);
        await sleep(RETRY_MS, ctx).catch(() => undefined);
      });
    }
    isWriting = false;
  };
  const repairLater = () => {
    isRepairing = true;
    setTimerWithin(ctx, REPAIR_MS, () => {
      isRepairing = false;
      ensureFlowControl(client, ctx).catch((error) => {
        if (ctx.signal.aborted) return;
        ctx.log.warn('flow control objects not repaired', { error: describeError(error) });
        if (!isRepairing) repairLater();
      });
    });
  };
  flowControl.onChange((conditions) => {
    for (const [name, condition] of conditions) due.set(name, condition);
    if (!isWriting && due.size > 0) void write();
    if (!isRepairing) repairLater();
  });
}

async function writeCondition(client: Client, name: string, condition: FlowSchemaCondition, ctx: Ctx): Promise<void> {
  const body = {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name },
    status: { conditions: [condition] },
  };
  const options = { subresource: 'status', fieldManager: STATUS_MANAGER, force: true };
  await ignoring('NotFound', client.patch(flowcontrolV1.FlowSchema, { name }, { type: 'apply', body }, ctx, options));
}
