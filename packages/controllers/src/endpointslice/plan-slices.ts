/**
 * Endpoints into EndpointSlices with as few writes as can be. Pure. Source: k8s.io/endpointslice/reconciler.go.
 *
 * Endpoints of equal ports share slices; an endpoint that is in a slice stays there; slices that change anyway are filled
 * first, then one that did not change, then new ones; a slice no longer needed is used again before it is deleted.
 */
import type { NewObject, OwnerReference } from '@kapella/api';
import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '@kapella/api/types/discovery-v1';
import { jsonEqual } from '@kapella/base';

export interface EndpointGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** What all slices of one owner and address type have in common. */
export interface SliceTemplate {
  readonly addressType: AddressType;
  readonly namespace: string;
  readonly generateName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent where annotations are nobody's concern. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner: OwnerReference;
  readonly endpointsMax: number;
  /** Keep one empty slice rather than none. */
  readonly placeholder: boolean;
}

export interface SlicePlan {
  readonly create: readonly NewObject<EndpointSlice>[];
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
}

interface Draft {
  create: NewObject<EndpointSlice>[];
  update: EndpointSlice[];
  delete: EndpointSlice[];
}

/** `existing`: the slices of this owner's name and this address type. */
export function planSlices(
  template: SliceTemplate,
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
): SlicePlan {
  const draft: Draft = { create: [], update: [], delete: [] };
  const byPorts = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    // Left over from another object of the same name: not to be mixed with.
    if (!isOwnedBy(slice, template.owner)) draft.delete.push(slice);
    else pushTo(byPorts, portsKey(slice.ports ?? []), slice);
  }
  const wanted = new Map<string, EndpointGroup[]>();
  for (const group of groups) pushTo(wanted, portsKey(group.ports), group);
  for (const [key, same] of wanted) {
    const endpoints = same.flatMap((group) => group.endpoints);
    planGroup(template, { ports: same[0]?.ports ?? [], endpoints }, byPorts.get(key) ?? [], draft);
    byPorts.delete(key);
  }
  for (const slices of byPorts.values()) draft.delete.push(...slices);
  if (template.placeholder && draft.delete.length === existing.length && draft.create.length === 0)
    addPlaceholder(template, draft);
  reuse(template, draft);
  return draft;
}

function planGroup(
  template: SliceTemplate,
  group: EndpointGroup,
  existing: readonly EndpointSlice[],
  draft: Draft,
): void {
  const missing = new Map(group.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const changed: EndpointSlice[] = [];
  const unchanged: EndpointSlice[] = [];
  for (const slice of existing) {
    const { endpoints, differs } = keep(slice, missing);
    if (differs && endpoints.length === 0) draft.delete.push(slice);
    else if (differs) changed.push(withTemplate(template, { ...slice, endpoints }));
    else if (!metadataIsRight(template, slice)) changed.push(withTemplate(template, slice));
    else unchanged.push(slice);
  }
  const rest = [...missing.values()];
  const longestFirst = changed.toSorted((a, b) => sizeOf(b) - sizeOf(a));
  for (const slice of longestFirst) draft.update.push(fill(slice, rest, template.endpointsMax));
  while (rest.length > 0) {
    const fitting = bestFit(unchanged, rest.length, template.endpointsMax);
    if (fitting !== undefined) draft.update.push(fill(fitting, rest, template.endpointsMax));
    else draft.create.push(newSlice(template, group.ports, rest.splice(0, template.endpointsMax)));
  }
}

/** Takes what the slice has from `missing`. */
function keep(slice: EndpointSlice, missing: Map<string, Endpoint>): { endpoints: Endpoint[]; differs: boolean } {
  const present = slice.endpoints ?? [];
  const endpoints: Endpoint[] = [];
  let differs = false;
  for (const endpoint of present) {
    const key = endpointKey(endpoint);
    const desired = missing.get(key);
    if (desired === undefined) continue;
    endpoints.push(desired);
    differs ||= !isSame(desired, endpoint);
    missing.delete(key);
  }
  return { endpoints, differs: differs || endpoints.length !== present.length };
}

function fill(slice: EndpointSlice, rest: Endpoint[], endpointsMax: number): EndpointSlice {
  const free = Math.max(0, endpointsMax - sizeOf(slice));
  if (free === 0 || rest.length === 0) return slice;
  return { ...slice, endpoints: [...(slice.endpoints ?? []), ...rest.splice(0, free)] };
}

/** The slice that is fullest afterwards, where one has room for all. */
function bestFit(slices: readonly EndpointSlice[], count: number, endpointsMax: number): EndpointSlice | undefined {
  let best: EndpointSlice | undefined;
  for (const slice of slices) {
    if (sizeOf(slice) + count <= endpointsMax && (best === undefined || sizeOf(slice) > sizeOf(best))) best = slice;
  }
  return best;
}

function addPlaceholder(template: SliceTemplate, draft: Draft): void {
  const [only] = draft.delete;
  const isThere =
    draft.delete.length === 1 &&
    only !== undefined &&
    isOwnedBy(only, template.owner) &&
    sizeOf(only) === 0 &&
    (only.ports ?? []).length === 0 &&
    metadataIsRight(template, only);
  if (isThere) draft.delete = [];
  else draft.create.push(newSlice(template, [], []));
}

function reuse(template: SliceTemplate, draft: Draft): void {
  const kept: EndpointSlice[] = [];
  for (const slice of draft.delete) {
    const next = isOwnedBy(slice, template.owner) ? draft.create.pop() : undefined;
    if (next === undefined) kept.push(slice);
    else
      draft.update.push(withTemplate(template, { ...slice, ports: next.ports ?? [], endpoints: next.endpoints ?? [] }));
  }
  draft.delete = kept;
}

function newSlice(
  { addressType, namespace, generateName, labels, annotations, owner }: SliceTemplate,
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
): NewObject<EndpointSlice> {
  const extra = annotations === undefined ? {} : { annotations };
  return {
    metadata: { namespace, generateName, labels, ...extra, ownerReferences: [owner] },
    addressType,
    endpoints,
    ports,
  };
}

function withTemplate({ labels, annotations }: SliceTemplate, slice: EndpointSlice): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels, ...(annotations && { annotations }) } };
}

function metadataIsRight({ labels, annotations }: SliceTemplate, { metadata }: EndpointSlice): boolean {
  return (
    jsonEqual(metadata.labels ?? {}, labels) && (!annotations || jsonEqual(metadata.annotations ?? {}, annotations))
  );
}

const sizeOf = (slice: EndpointSlice) => slice.endpoints?.length ?? 0;

function isOwnedBy(slice: EndpointSlice, { uid, kind }: OwnerReference): boolean {
  return slice.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.kind === kind) ?? false;
}

function portsKey(ports: readonly EndpointPort[]): string {
  return ports
    .map(({ name = '', protocol = 'TCP', port = null, appProtocol = null }) =>
      JSON.stringify([name, protocol, port, appProtocol]),
    )
    .toSorted()
    .join();
}

/** What makes an endpoint the same one although its conditions change. */
function endpointKey({ addresses, hostname = '', targetRef }: Endpoint): string {
  return JSON.stringify([addresses.toSorted(), hostname, targetRef?.namespace ?? '', targetRef?.name ?? '']);
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return (
    a.nodeName === b.nodeName &&
    a.zone === b.zone &&
    a.targetRef?.uid === b.targetRef?.uid &&
    a.targetRef?.kind === b.targetRef?.kind &&
    a.conditions?.ready === b.conditions?.ready &&
    a.conditions?.serving === b.conditions?.serving &&
    a.conditions?.terminating === b.conditions?.terminating
  );
}

function pushTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
