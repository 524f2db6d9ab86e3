/** The part of the node's status that says which volumes are in use. Source: kubernetes pkg/kubelet/nodestatus/setters.go. */
import type { Node } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { createVolumesInUse, type VolumesInUse } from './volumes-in-use.ts';

interface InUseFields {
  /** null takes away the last one; absent while there are none and never were. */
  readonly volumesInUse?: readonly string[] | null;
}

export interface InUseReport {
  /** What an earlier agent has reported. */
  adopt(node: Node): void;
  /** Since the last report. */
  changed(): boolean;
  fields(): InUseFields;
  written(fields: InUseFields): void;
}

/** `onChange`: report soon, Pods wait for it. */
export function createInUseReport(
  volumes: VolumesInUse = createVolumesInUse(),
  onChange: () => void = () => {},
): InUseReport {
  let reported: readonly string[] = [];
  volumes.onChange(onChange);
  return {
    adopt(node) {
      reported = node.status?.volumesInUse ?? [];
    },
    changed: () => !jsonEqual(reported, volumes.list()),
    fields() {
      const names = volumes.list();
      if (names.length > 0) return { volumesInUse: names };
      return reported.length > 0 ? { volumesInUse: null } : {};
    },
    written({ volumesInUse }) {
      reported = volumesInUse ?? [];
      volumes.reported(reported);
    },
  };
}
