/** Why a PersistentVolumeClaim is not bound. Pure. */
import { quantityValue } from '@kapella/api';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@kapella/api/types/core-v1';
import type { StorageClass } from '@kapella/api/types/storage-v1';
import { type Findings, listed } from './findings.ts';
import type { EventLine } from './unready.ts';

export interface ClaimFacts {
  readonly claim: PersistentVolumeClaim;
  readonly classes: readonly StorageClass[];
  readonly volumes: readonly PersistentVolume[];
  /** Of its namespace. */
  readonly pods: readonly Pod[];
  readonly events: readonly EventLine[];
}

const SELECTED_NODE = 'volume.kubernetes.io/selected-node';

export function explainClaim(facts: ClaimFacts): Findings {
  const { claim, classes, volumes, events } = facts;
  const { volumeName = '', storageClassName } = claim.spec;
  if (claim.status?.phase === 'Bound') return { answer: `it is bound to volume ${volumeName}`, because: [], fixes: [] };
  const warnings = events.slice(0, 3).map(({ reason, message, count }) => `${reason} (${count}×): ${message}`);
  if (claim.status?.phase === 'Lost') {
    return {
      answer: `its volume ${volumeName} is gone`,
      because: warnings,
      fixes: ['Restore the data into a new claim.'],
    };
  }
  const storageClass = classes.find(({ metadata }) => metadata.name === storageClassName);
  const table = { head: ['VOLUME', 'WHY NOT'], rows: volumes.map((v) => [v.metadata.name, whyNot(v, claim)]) };
  if (storageClassName !== undefined && storageClassName !== '' && storageClass === undefined) {
    const names = classes.map(({ metadata }) => metadata.name);
    return {
      answer: `there is no StorageClass ${storageClassName}`,
      because: [names.length === 0 ? 'There is no StorageClass at all.' : `There are: ${listed(names)}.`, ...warnings],
      table,
      fixes: [`Create StorageClass ${storageClassName}, or name one that exists in a new claim.`],
    };
  }
  if (storageClass === undefined) {
    const fixes = ['Create a volume that fits, or make a StorageClass the default and the claim anew.'];
    return {
      answer: 'it asks for a volume without a class, and none that is there fits',
      because: warnings,
      table,
      fixes,
    };
  }
  return ofClass(facts, storageClass, warnings, table);
}

function ofClass(
  { claim, pods }: ClaimFacts,
  storageClass: StorageClass,
  warnings: string[],
  table: Findings['table'],
): Findings {
  const { name } = claim.metadata;
  const { provisioner, volumeBindingMode } = storageClass;
  const users = pods.filter(
    ({ spec }) => spec.volumes?.some((v) => v.persistentVolumeClaim?.claimName === name) === true,
  );
  const selected = claim.metadata.annotations?.[SELECTED_NODE];
  if (volumeBindingMode === 'WaitForFirstConsumer' && selected === undefined) {
    const names = users.map(({ metadata }) => metadata.name);
    return {
      answer:
        names.length === 0
          ? 'it waits for the first Pod that uses it'
          : `it waits until a node is chosen for Pod ${listed(names)}`,
      because: [`StorageClass ${storageClass.metadata.name} has volumeBindingMode WaitForFirstConsumer.`, ...warnings],
      fixes:
        names.length === 0
          ? ['Start a Pod that uses it: nothing is wrong.']
          : [`kapella explain pod ${names[0]} says why it has no node.`],
    };
  }
  if (provisioner === 'kubernetes.io/no-provisioner') {
    return {
      answer: `its class ${storageClass.metadata.name} makes no volumes, and none that is there fits`,
      because: warnings,
      ...(table === undefined ? {} : { table }),
      fixes: ['Create a PersistentVolume of that class that is large enough.'],
    };
  }
  return {
    answer: `it waits for ${provisioner} to make a volume${selected === undefined ? '' : ` for node ${selected}`}`,
    because: warnings.length > 0 ? warnings : ['There is no event of it: the provisioner may not run.'],
    fixes: [`See whether the provisioner ${provisioner} runs, and what it logs.`],
  };
}

/** The first thing that keeps the volume from the claim. */
function whyNot({ spec, status }: PersistentVolume, claim: PersistentVolumeClaim): string {
  const { claimRef } = spec;
  const isOurs = claimRef?.name === claim.metadata.name && claimRef.namespace === claim.metadata.namespace;
  const mode = claim.spec.accessModes?.find((wanted) => spec.accessModes?.includes(wanted) !== true);
  const [has, asks] = [spec.capacity?.storage ?? '0', claim.spec.resources?.requests?.storage ?? '0'];
  const volumeMode = spec.volumeMode ?? 'Filesystem';
  const className = spec.storageClassName ?? '';
  const faults: readonly (readonly [boolean, string])[] = [
    [claimRef !== undefined && !isOurs, `is ${claimRef?.namespace}/${claimRef?.name}'s`],
    [(status?.phase ?? 'Available') !== 'Available' && !isOurs, `is ${status?.phase}`],
    [className !== (claim.spec.storageClassName ?? ''), `has class "${className}"`],
    [mode !== undefined, `has no access mode ${mode}`],
    [quantityValue(has) < quantityValue(asks), `has ${has}, ${asks} are asked for`],
    [volumeMode !== (claim.spec.volumeMode ?? 'Filesystem'), `is ${volumeMode}`],
  ];
  return faults.find(([isSo]) => isSo)?.[1] ?? 'fits by itself: a selector, or the node, decides';
}
