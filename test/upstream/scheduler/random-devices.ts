/** Devices of chance on the nodes of a cluster, and claims for them. */
import type { Chance, Draft } from './random-cluster.ts';

type Json = Readonly<Record<string, unknown>>;

const DRIVER = 'gpu.example.com';
const apiVersion = 'resource.k8s.io/v1';
const cel = (expression: string) => [{ cel: { expression } }];

/** What all clusters share. Who asks for `example.com/card` gets a device of the class `card`. */
export function deviceClasses(): Draft[] {
  const make = (name: string, expression: string, more: Json = {}) => ({
    ...{ apiVersion, kind: 'DeviceClass', metadata: { name } },
    spec: { selectors: cel(`device.driver == "${DRIVER}" && ${expression}`), ...more },
  });
  const kind = `device.attributes["${DRIVER}"].kind`;
  return [
    make('any', 'true'),
    make('card', `${kind} == "card"`, { extendedResourceName: 'example.com/card' }),
    make('shared', 'device.allowMultipleAllocations'),
  ];
}

/** A pool for each node: whole cards, parts of one card, and one that is given out in shares. */
export function randomSlices(nodes: readonly string[], chance: Chance): Draft[] {
  return nodes.filter(() => chance.in(2)).flatMap((nodeName) => poolOf(nodeName, chance));
}

function poolOf(nodeName: string, chance: Chance): Draft[] {
  const hasParts = chance.in(2);
  const pool = { name: nodeName, generation: 1, resourceSliceCount: hasParts ? 2 : 1 };
  const slice = (name: string, spec: Json): Draft => ({
    ...{ apiVersion, kind: 'ResourceSlice', metadata: { name: `${nodeName}-${name}` } },
    spec: { driver: DRIVER, nodeName, pool, ...spec },
  });
  const attributes = (kind: string) => ({
    kind: { string: kind },
    model: { string: chance.one(['a', 'b']) },
    numa: { int: chance.below(2) },
  });
  const taints = [{ key: 'broken', value: 'fan', effect: chance.one(['NoSchedule', 'NoExecute', 'None']) }];
  const cards = Array.from({ length: 1 + chance.below(3) }, (_, i) => ({
    name: `card-${i}`,
    attributes: attributes('card'),
    capacity: { memory: { value: chance.one(['8Gi', '16Gi']) } },
    ...(chance.in(5) ? { taints } : {}),
  }));
  const policy = { default: '2Gi', validRange: { min: '1Gi', step: '1Gi', max: '6Gi' } };
  const shared = {
    name: 'shared-0',
    allowMultipleAllocations: true,
    attributes: attributes('shared'),
    capacity: { memory: { value: '8Gi', ...(chance.in(2) ? { requestPolicy: policy } : {}) } },
  };
  const parts = ['whole', 'half-0', 'half-1'].map((name) => ({
    name: `part-${name}`,
    attributes: attributes('part'),
    consumesCounters: [{ counterSet: 'card', counters: { slots: { value: name === 'whole' ? '2' : '1' } } }],
  }));
  const devices = [...cards, ...(chance.in(2) ? [shared] : []), ...(hasParts ? parts : [])];
  const counters = slice('counters', { sharedCounters: [{ name: 'card', counters: { slots: { value: '2' } } }] });
  return [slice('devices', { devices }), ...(hasParts ? [counters] : [])];
}

export function randomClaim(name: string, namespace: string, chance: Chance): Draft {
  const requests = Array.from({ length: 1 + (chance.in(4) ? 1 : 0) }, (_, i) => randomRequest(`r${i}`, chance));
  const attribute = `${DRIVER}/${chance.one(['model', 'numa'])}`;
  const constraint = chance.in(2) ? { matchAttribute: attribute } : { distinctAttribute: attribute };
  const devices = { requests, ...(chance.in(4) ? { constraints: [constraint] } : {}) };
  return { apiVersion, kind: 'ResourceClaim', metadata: { name, namespace }, spec: { devices } };
}

function randomRequest(name: string, chance: Chance): Json {
  if (!chance.in(4)) return { name, exactly: randomWish(chance) };
  const firstAvailable = ['first', 'second', 'third'].map((sub) => ({ name: sub, ...randomWish(chance) }));
  return { name, firstAvailable };
}

function randomWish(chance: Chance): Json {
  const deviceClassName = chance.one(['any', 'card', 'card', 'shared']);
  const model = cel(`device.attributes["${DRIVER}"].model == "${chance.one(['a', 'b'])}"`);
  return {
    deviceClassName,
    ...(chance.in(3) ? { count: 1 + chance.below(2) } : {}),
    ...(chance.in(4) ? { selectors: model } : {}),
    ...(chance.in(5) ? { tolerations: [{ key: 'broken', operator: 'Exists' }] } : {}),
    ...(deviceClassName === 'shared' && chance.in(2)
      ? { capacity: { requests: { memory: chance.one(['1Gi', '1500Mi', '4Gi', '9Gi']) } } }
      : {}),
  };
}
