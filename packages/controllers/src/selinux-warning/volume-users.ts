/** Which Pods use a volume with which label, and who is at odds. Pure. Source: …/selinuxwarning/cache. */
import { conflict } from './labels.ts';

/** A Pod's use of a volume. */
export interface Use {
  readonly label: string;
  readonly policy: string;
}

export interface Odds {
  readonly property: 'SELinuxLabel' | 'SELinuxChangePolicy';
  /** Keys of Pods: the event is for `pod`. */
  readonly pod: string;
  readonly value: string;
  readonly otherPod: string;
  readonly otherValue: string;
}

export class VolumeUsers {
  readonly #volumes = new Map<string, Map<string, Use>>();
  readonly #ofPod = new Map<string, ReadonlySet<string>>();

  /** What the Pod uses from now on, by the volume's name in the cluster. Answers what is new and at odds, both ways. */
  set(pod: string, uses: ReadonlyMap<string, Use>): readonly Odds[] {
    for (const volume of this.#ofPod.get(pod) ?? []) if (!uses.has(volume)) this.#leave(pod, volume);
    if (uses.size === 0) this.#ofPod.delete(pod);
    else this.#ofPod.set(pod, new Set(uses.keys()));
    return [...uses].flatMap(([volume, use]) => this.#enter(pod, volume, use));
  }

  #enter(pod: string, volume: string, use: Use): readonly Odds[] {
    const users = this.#volumes.get(volume) ?? new Map<string, Use>();
    this.#volumes.set(volume, users);
    const before = users.get(pod);
    if (before?.label === use.label && before.policy === use.policy) return [];
    users.set(pod, use);
    return [...users].flatMap(([other, otherUse]) => (other === pod ? [] : oddsOf(pod, use, other, otherUse)));
  }

  #leave(pod: string, volume: string): void {
    const users = this.#volumes.get(volume);
    users?.delete(pod);
    if (users?.size === 0) this.#volumes.delete(volume);
  }
}

function oddsOf(pod: string, use: Use, otherPod: string, other: Use): readonly Odds[] {
  const both = (property: Odds['property'], value: string, otherValue: string): Odds[] => [
    { property, pod, value, otherPod, otherValue },
    { property, pod: otherPod, value: otherValue, otherPod: pod, otherValue: value },
  ];
  return [
    ...(use.policy === other.policy ? [] : both('SELinuxChangePolicy', use.policy, other.policy)),
    ...(conflict(use.label, other.label) ? both('SELinuxLabel', use.label, other.label) : []),
  ];
}

const RESULT = 'If both pods land on the same node, only one of them may access the volume.';

/** Text of the event. Pods of other namespaces are not named. */
export function oddsMessage({ property, pod, value, otherPod, otherValue }: Odds): string {
  const [namespace] = pod.split('/');
  const [otherNamespace, otherName] = otherPod.split('/');
  if (namespace === otherNamespace) {
    const what = `conflicts with pod ${otherName} that uses the same volume as this pod with ${property} "${otherValue}"`;
    return `${property} "${value}" ${what}. ${RESULT}`;
  }
  // Without a blank, as upstream's.
  const what = `conflicts with another pod that uses the same volume as this pod with a different ${property}`;
  return `${property}"${value}" ${what}. ${RESULT}`;
}
