/** Volumes with zone or region labels fit nodes of that zone or region only. Source: kubernetes …/plugins/volumezone. */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import type { ClusterLookup } from '../../framework/cluster-lookup.ts';
import { claimNamesOf, isOwnClaim } from '../../framework/hints.ts';
import { type PluginFactory, type Rejection, unresolvable } from '../../framework/plugin.ts';
import { topologyValue } from '../../framework/pod-terms.ts';
import { storageClassOf } from '../volume-binding/claims.ts';

const ZONE = 'topology.kubernetes.io/zone';
const REGION = 'topology.kubernetes.io/region';
/** Old names, and what they are called now. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ['failure-domain.beta.kubernetes.io/zone', ZONE],
  ['failure-domain.beta.kubernetes.io/region', REGION],
  [ZONE, ZONE],
  [REGION, REGION],
]);
const REFUSAL = unresolvable('node(s) had no available volume zone');

interface Place {
  readonly key: string;
  readonly values: ReadonlySet<string>;
}

export const volumeZone: PluginFactory = {
  name: 'VolumeZone',
  create: (_args, { lookup }) => ({
    name: 'VolumeZone',
    events: [
      {
        resource: 'StorageClass',
        actions: ['Add'],
        hint: (_pod, event) =>
          (event.new as { volumeBindingMode?: string } | undefined)?.volumeBindingMode === 'WaitForFirstConsumer',
      },
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
      { resource: 'PersistentVolumeClaim', actions: ['Add', 'Update'], hint: isOwnClaim },
      { resource: 'PersistentVolume', actions: ['Add', 'Update'] },
    ],
    preFilter({ pod, namespace }) {
      const places = placesOf(pod, namespace, lookup);
      if ('reasons' in places) return places;
      if (places.length === 0) return 'skip';
      return {
        filter({ labels }) {
          if (![...KEYS.keys()].some((key) => Object.hasOwn(labels, key))) return undefined;
          for (const { key, values } of places) {
            const value = topologyValue(labels, key) ?? topologyValue(labels, KEYS.get(key) ?? key);
            if (value === undefined || !values.has(value)) return REFUSAL;
          }
          return undefined;
        },
      };
    },
  }),
};

function placesOf(pod: Pod, namespace: string, lookup: ClusterLookup): Place[] | Rejection {
  const places: Place[] = [];
  for (const name of claimNamesOf(pod)) {
    if (name === '') return unresolvable('PersistentVolumeClaim had no name');
    const claim = lookup.get('PersistentVolumeClaim', `${namespace}/${name}`);
    if (claim === undefined) return unresolvable(`persistentvolumeclaim "${name}" not found`);
    const volumeName = claim.spec.volumeName ?? '';
    if (volumeName === '') {
      const why = whyUnbound(claim, lookup);
      if (why !== undefined) return unresolvable(why);
      continue;
    }
    const volume = lookup.get('PersistentVolume', volumeName);
    if (volume === undefined) return unresolvable(`persistentvolume "${volumeName}" not found`);
    places.push(...labelledPlaces(volume));
  }
  return places;
}

/** Undefined: its volume comes with the node. */
function whyUnbound(claim: PersistentVolumeClaim, lookup: ClusterLookup): string | undefined {
  const className = storageClassOf(claim);
  if (className === '') return 'PersistentVolumeClaim had no pv name and storageClass name';
  const storageClass = lookup.get('StorageClass', className);
  if (storageClass === undefined) return `storageclass.storage.k8s.io "${className}" not found`;
  return storageClass.volumeBindingMode === 'WaitForFirstConsumer' ? undefined : 'PersistentVolume had no name';
}

/** One label may name several zones: `a__b`. */
function labelledPlaces({ metadata: { labels = {} } }: PersistentVolume): Place[] {
  return [...KEYS.keys()]
    .filter((key) => Object.hasOwn(labels, key))
    .map((key) => ({ key, values: new Set((labels[key] as string).split('__')) }));
}
