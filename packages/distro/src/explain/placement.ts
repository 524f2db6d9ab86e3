/** Why a Pod is on no node, node by node, and which single change would let it fit: by the scheduler's own filters. */
import type { Node, Pod } from '@kapella/api/types/core-v1';
import {
  type ClusterLookup,
  type Diagnosis,
  diagnose,
  fitErrorMessage,
  Planner,
  PluginError,
  type PluginRejection,
  podStateOf,
  type Profile,
  type Search,
  search,
  Snapshot,
} from '@kapella/scheduler';
import { type Findings, listed, plural } from './findings.ts';
import { describeRefusal } from './refusal-details.ts';
import { variantsOf } from './variants.ts';

export interface PlacementInput {
  readonly pod: Pod;
  readonly nodes: readonly Node[];
  /** Of all namespaces: they take room and have wishes too. */
  readonly pods: readonly Pod[];
  readonly profile: Profile;
  readonly lookup: ClusterLookup;
}

export function explainPlacement(input: PlacementInput): Findings {
  const { pod, nodes } = input;
  const gates = pod.spec.schedulingGates ?? [];
  if (gates.length > 0) {
    const names = gates.map(({ name }) => name);
    return {
      answer: `it waits for ${plural(gates.length, 'scheduling gate')}: ${listed(names)}`,
      because: [
        'The scheduler does not look at it before whoever set the gates removes them from spec.schedulingGates.',
      ],
      fixes: [`Find who sets ${listed(names)}, usually the admission webhook or controller of a queue.`],
    };
  }
  const snapshot = snapshotOf(input);
  const found = fitting(pod, snapshot, input.profile);
  if (found.fits.length > 0) return placeable(pod, found.fits);
  const message = fitErrorMessage(found.diagnosis);
  return {
    answer: message,
    because: grouped(found.refusals, found.diagnosis.preFilter),
    table: {
      head: ['NODE', 'WHY'],
      rows: nodes.map(({ metadata: { name } }) => [
        name,
        (found.refusals.get(name) ?? [])
          .map((refusal) => describeRefusal(refusal, pod, snapshot.nodes.get(name)))
          .join('; ') ||
          found.diagnosis.preFilter?.reasons.join(', ') ||
          'left out before it was looked at',
      ]),
    },
    fixes: changesThatHelp(input),
  };
}

function placeable(pod: Pod, fits: readonly string[]): Findings {
  const { nominatedNodeName } = pod.status ?? {};
  const told = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
  const scheduler = pod.spec.schedulerName ?? 'default-scheduler';
  return {
    answer: `it fits ${plural(fits.length, 'node')} now: ${listed(fits)}`,
    because: [
      ...(told === undefined ? [] : [`The scheduler last said: ${told}`]),
      ...(nominatedNodeName
        ? [`Node ${nominatedNodeName} is promised to it: others are being removed from there.`]
        : []),
    ],
    fixes: [
      'Wait for its back-off, up to 10 s, or for the promised node to be free.',
      `If it stays so, see whether a scheduler named ${scheduler} runs: it is the one the Pod asks for.`,
    ],
  };
}

function snapshotOf({ pod, nodes, pods, lookup }: PlacementInput): Snapshot {
  const snapshot = new Snapshot(lookup);
  for (const node of nodes) snapshot.setNode(node);
  for (const other of pods) {
    const isOver = other.status?.phase === 'Succeeded' || other.status?.phase === 'Failed';
    if (other.spec.nodeName && !isOver && other.metadata.uid !== pod.metadata.uid) {
      snapshot.place(podStateOf(other, true), other.spec.nodeName);
    }
  }
  return snapshot;
}

interface Fitting {
  readonly fits: readonly string[];
  readonly refusals: ReadonlyMap<string, readonly PluginRejection[]>;
  readonly diagnosis: Diagnosis;
}

function fitting(pod: Pod, snapshot: Snapshot, profile: Profile): Fitting {
  // Each Pod on its own, with all nodes: nothing is shared between questions.
  const planner = new Planner(snapshot, { isShared: false });
  const found = searched(pod, snapshot, profile, planner);
  if (found instanceof PluginError) return { fits: [], refusals: new Map(), diagnosis: failed(found, snapshot) };
  const { plan } = found;
  const fits = [...plan.slots.subarray(0, plan.count)].map((slot) => snapshot.slots[slot]?.name ?? '');
  const refusals = new Map<string, readonly PluginRejection[]>();
  if (fits.length === 0) for (const node of plan.candidates()) refusals.set(node.name, plan.refusalsOf(node));
  return { fits, refusals, diagnosis: diagnose(found, snapshot) };
}

function searched(pod: Pod, snapshot: Snapshot, profile: Profile, planner: Planner): Search | PluginError {
  try {
    return search(podStateOf(pod, false), snapshot, profile, planner);
  } catch (error) {
    if (error instanceof PluginError) return error;
    throw error;
  }
}

/** A plugin cannot say of any node whether it will do. */
function failed({ plugin, message }: PluginError, { nodes }: Snapshot): Diagnosis {
  const preFilter = { plugin, code: 'UnschedulableAndUnresolvable' as const, reasons: [message] };
  const nobody = {
    counts: new Map(),
    narrowedBy: [],
    plugins: new Set([plugin]),
    of: () => preFilter,
    refusalOf: () => preFilter,
  };
  return { nodeCount: nodes.size, preFilter, ...nobody };
}

/** All that refuse each node, not only the first: who mends one thing wants to know of the next. */
function grouped(
  refusals: ReadonlyMap<string, readonly PluginRejection[]>,
  preFilter: PluginRejection | undefined,
): string[] {
  if (preFilter !== undefined) return [`${preFilter.plugin} refuses every node: ${preFilter.reasons.join(', ')}`];
  const nodesBy = new Map<string, string[]>();
  for (const [node, all] of refusals) {
    for (const { reasons, plugin } of all) {
      for (const reason of reasons) {
        const key = `${reason} (${plugin})`;
        nodesBy.set(key, [...(nodesBy.get(key) ?? []), node]);
      }
    }
  }
  return [...nodesBy]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([reason, nodes]) => `${plural(nodes.length, 'node')}: ${reason}: ${listed(nodes)}`);
}

/** Single changes first; two at once only when no single one helps. */
function changesThatHelp(input: PlacementInput): string[] {
  const { pod, profile, nodes } = input;
  const snapshot = snapshotOf(input);
  const variants = variantsOf(pod, snapshot);
  const tell = (what: string, changed: Pod) => {
    const { fits } = fitting(changed, snapshot, profile);
    return fits.length === 0 ? undefined : `${what}: it would then fit ${plural(fits.length, 'node')}: ${listed(fits)}`;
  };
  const helping = variants.map(({ what, change }) => tell(what, change(pod))).filter((text) => text !== undefined);
  const uncordoned = ifUncordoned(input);
  if (helping.length > 0 || uncordoned.length > 0) return [...helping, ...uncordoned];
  const pairs = variants.flatMap((a, i) =>
    variants.slice(i + 1).map((b) => tell(`${a.what}, and ${lower(b.what)}`, b.change(a.change(pod)))),
  );
  const found = pairs.filter((text) => text !== undefined).slice(0, 3);
  if (found.length > 0) return found;
  return [
    nodes.length === 0 ? 'Add a node: there is none.' : 'No change of one or two of its wishes helps: add a node.',
  ];
}

function ifUncordoned(input: PlacementInput): string[] {
  return input.nodes
    .filter(({ spec }) => spec.unschedulable === true)
    .filter((node) => {
      const taints = (node.spec.taints ?? []).filter(({ key }) => key !== 'node.kubernetes.io/unschedulable');
      const open = { ...node, spec: { ...node.spec, unschedulable: false, taints } };
      const nodes = input.nodes.map((other) => (other === node ? open : other));
      return fitting(input.pod, snapshotOf({ ...input, nodes }), input.profile).fits.includes(node.metadata.name);
    })
    .map(({ metadata: { name } }) => `Uncordon node ${name}: kubectl uncordon ${name}`);
}

const lower = (text: string) => `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
