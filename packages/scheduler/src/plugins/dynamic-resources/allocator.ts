/**
 * Finds devices for claims on one node: the first set in order of pools that answers all requests and constraints.
 * Source: k8s.io/dynamic-resource-allocation/structured/internal/stable/allocator_stable.go.
 */
import { quantityMilli } from '@kapella/api';
import type { Node, NodeSelector, NodeSelectorRequirement } from '@kapella/api/types/core-v1';
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceClass,
  DeviceRequestAllocationResult,
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceSlice,
} from '@kapella/api/types/resource-v1';
import type { CelValue } from '@kapella/cel';
import { Constraints } from './constraints.ts';
import { type DeviceSelectors, deviceValue, SelectorProblem } from './device-selector.ts';
import { type Pool, poolsOf, type UsableDevice } from './pools.ts';

/** Devices of one claim. Source: resource.k8s.io/v1 AllocationResultsMaxSize. */
const DEVICES_MAX = 32;
/** Steps of the search on one node: what takes longer is given up. */
const STEPS_MAX = 200_000;

export interface AllocatorInput {
  readonly slices: readonly ResourceSlice[];
  readonly classOf: (name: string) => DeviceClass | undefined;
  readonly selectors: DeviceSelectors;
  /** Devices that claims hold, by id, but for those held for administration only. */
  readonly taken: ReadonlySet<string>;
}

/** One choice of a request: itself, or one of its alternatives. */
interface Choice {
  /** `request` or `request/alternative`. */
  readonly name: string;
  readonly wanted: ExactDeviceRequest;
}

interface Part {
  readonly claim: number;
  readonly request: string;
  readonly choices: readonly Choice[];
}

/** What has been picked so far, in order. */
interface Picked {
  readonly claim: number;
  readonly choice: Choice;
  readonly device: UsableDevice;
}

/** One result a claim, or why the node cannot: words of upstream's. */
export function allocate(
  claims: readonly ResourceClaim[],
  node: Node,
  input: AllocatorInput,
): readonly AllocationResult[] | string {
  const pools = poolsOf(input.slices, node);
  try {
    const search = new Search(claims, pools, input);
    if (!search.run(0)) return 'cannot allocate all claims';
    return claims.map((claim, i) => resultOf(claim, search.pickedFor(i), node, input));
  } catch (error) {
    if (error instanceof SelectorProblem) return error.message;
    throw error;
  }
}

class Search {
  readonly #claims: readonly ResourceClaim[];
  readonly #pools: readonly Pool[];
  readonly #input: AllocatorInput;
  readonly #parts: readonly Part[];
  readonly #picked: Picked[] = [];
  readonly #held = new Set<string>();
  readonly #constraints: readonly Constraints[];
  readonly #values = new Map<UsableDevice, CelValue>();
  readonly #matches = new Map<string, boolean>();
  #steps = 0;

  constructor(claims: readonly ResourceClaim[], pools: readonly Pool[], input: AllocatorInput) {
    this.#claims = claims;
    this.#pools = pools;
    this.#input = input;
    this.#constraints = claims.map(({ spec }) => new Constraints(spec.devices?.constraints ?? []));
    this.#parts = claims.flatMap(({ spec }, claim) =>
      (spec.devices?.requests ?? []).map(({ name, exactly, firstAvailable = [] }): Part => {
        const alternatives = firstAvailable.map((wanted) => ({ name: `${name}/${wanted.name}`, wanted }));
        return { claim, request: name, choices: exactly === undefined ? alternatives : [{ name, wanted: exactly }] };
      }),
    );
  }

  pickedFor(claim: number): readonly Picked[] {
    return this.#picked.filter((picked) => picked.claim === claim);
  }

  /** True when this part and all after it have their devices. */
  run(at: number): boolean {
    const part = this.#parts[at];
    if (part === undefined) return true;
    return part.choices.some((choice) =>
      choice.wanted.allocationMode === 'All'
        ? this.#takeAll(at, part, choice)
        : this.#take(at, part, choice, choice.wanted.count ?? 1, 0),
    );
  }

  /** `count` more devices from place `from` on. */
  #take(at: number, part: Part, choice: Choice, count: number, from: number): boolean {
    if (count === 0) return this.run(at + 1);
    const devices = this.#pools.flatMap((pool) => (pool.isInvalid ? [] : pool.devices));
    for (let i = from; i < devices.length; i++) {
      if (++this.#steps > STEPS_MAX) return false;
      const device = devices[i] as UsableDevice;
      if (!this.#canTake(part, choice, device)) continue;
      this.#add(part, choice, device);
      if (this.#take(at, part, choice, count - 1, i + 1)) return true;
      this.#removeLast();
    }
    return false;
  }

  /** Every device that matches must be free. */
  #takeAll(at: number, part: Part, choice: Choice): boolean {
    const matching = this.#pools.flatMap((pool) => this.#matchingIn(pool, part, choice));
    let count = 0;
    for (const device of matching) {
      if (!this.#canTake(part, choice, device)) break;
      this.#add(part, choice, device);
      count++;
    }
    if (count > 0 && count === matching.length && this.run(at + 1)) return true;
    for (let i = 0; i < count; i++) this.#removeLast();
    return false;
  }

  /** All of a pool cannot be had while it is not known what all is. */
  #matchingIn(pool: Pool, part: Part, choice: Choice): readonly UsableDevice[] {
    const wanted = pool.devices.filter((device) => this.#isWanted(choice, part, device));
    const state = pool.isIncomplete ? 'being updated' : pool.isInvalid ? 'invalid' : undefined;
    if (wanted.length === 0 || state === undefined) return wanted;
    const claim = this.#claims[part.claim]?.metadata.name ?? '';
    const what = `asks for all devices, but resource pool ${pool.id} is currently ${state}`;
    throw new SelectorProblem(`claim ${claim}, request ${choice.name}: ${what}`);
  }

  #canTake(part: Part, choice: Choice, device: UsableDevice): boolean {
    const isAdmin = choice.wanted.adminAccess === true;
    if (!isAdmin && (this.#input.taken.has(device.id) || this.#held.has(device.id))) return false;
    if (this.pickedFor(part.claim).length >= DEVICES_MAX) return false;
    if (!this.#isWanted(choice, part, device)) return false;
    if (!isTolerated(device.device.taints ?? [], choice.wanted.tolerations ?? [])) return false;
    if (this.#constraints[part.claim]?.allows(choice.name, device) === false) return false;
    return isAdmin || this.#hasCounters(device);
  }

  #add(part: Part, choice: Choice, device: UsableDevice): void {
    this.#picked.push({ claim: part.claim, choice, device });
    if (choice.wanted.adminAccess !== true) this.#held.add(device.id);
    this.#constraints[part.claim]?.add(choice.name, device);
  }

  #removeLast(): void {
    const last = this.#picked.pop();
    if (last === undefined) return;
    this.#held.delete(last.device.id);
    this.#constraints[last.claim]?.remove(last.choice.name, last.device);
  }

  /** Class and request agree to the device. Asked once for each. */
  #isWanted({ name, wanted }: Choice, { claim }: Part, device: UsableDevice): boolean {
    const key = `${claim} ${name} ${device.id}`;
    let answer = this.#matches.get(key);
    if (answer === undefined) {
      const own = this.#claims[claim]?.metadata.name ?? '';
      const deviceClass = this.#input.classOf(wanted.deviceClassName);
      answer =
        this.#meets(deviceClass?.spec.selectors ?? [], device, `class ${wanted.deviceClassName}`) &&
        this.#meets(wanted.selectors ?? [], device, `claim ${own}`);
      this.#matches.set(key, answer);
    }
    return answer;
  }

  #meets(selectors: readonly DeviceSelector[], device: UsableDevice, where: string): boolean {
    return selectors.every(({ cel }, i) => {
      let value = this.#values.get(device);
      if (value === undefined) {
        value = deviceValue(device.device, device.driver);
        this.#values.set(device, value);
      }
      return cel === undefined || this.#input.selectors.matches(cel.expression, value, `${where}: selector #${i}`);
    });
  }

  /** Parts of one physical device share its counters with what others hold of it. */
  #hasCounters({ device, driver, pool: poolName }: UsableDevice): boolean {
    const consumed = device.consumesCounters ?? [];
    if (consumed.length === 0) return true;
    const pool = this.#pools.find(({ id }) => id === `${driver}/${poolName}`);
    if (pool === undefined) return false;
    const isHeld = ({ id }: UsableDevice) => this.#input.taken.has(id) || this.#held.has(id);
    const used = [device, ...pool.devices.filter(isHeld).map((other) => other.device)].flatMap(
      ({ consumesCounters = [] }) => consumesCounters,
    );
    return consumed.every(({ counterSet, counters }) => {
      const available = pool.counters.find(({ name }) => name === counterSet)?.counters ?? {};
      return Object.keys(counters).every((counter) => {
        const amounts = used
          .filter((consumption) => consumption.counterSet === counterSet)
          .map((consumption) => quantityMilli(consumption.counters[counter]?.value ?? '0'));
        const sum = amounts.reduce((total, amount) => total + amount, 0);
        return sum <= quantityMilli(available[counter]?.value ?? '0');
      });
    });
  }
}

/** Each taint that keeps claims away must be answered. */
function isTolerated(taints: readonly DeviceTaint[], tolerations: readonly DeviceToleration[]): boolean {
  return taints
    .filter(({ effect }) => effect !== 'None')
    .every((taint) =>
      tolerations.some(({ key, operator = 'Equal', value = '', effect }) => {
        if (effect && effect !== taint.effect) return false;
        if (key && key !== taint.key) return false;
        return operator === 'Exists' || value === (taint.value ?? '');
      }),
    );
}

function resultOf(
  claim: ResourceClaim,
  picked: readonly Picked[],
  node: Node,
  { classOf }: AllocatorInput,
): AllocationResult {
  const results = picked.map(({ choice, device }): DeviceRequestAllocationResult => {
    const { adminAccess, tolerations } = choice.wanted;
    return {
      request: choice.name,
      driver: device.driver,
      pool: device.pool,
      device: device.device.name,
      ...(adminAccess === undefined ? {} : { adminAccess }),
      ...(tolerations === undefined ? {} : { tolerations }),
    };
  });
  const config = configOf(claim, picked, classOf);
  const nodeSelector = selectorOf(picked, node);
  return {
    devices: { results, ...(config.length === 0 ? {} : { config }) },
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
  };
}

/** The classes' configuration first: the claim's own overrides it. */
function configOf(
  { spec }: ResourceClaim,
  picked: readonly Picked[],
  classOf: AllocatorInput['classOf'],
): DeviceAllocationConfiguration[] {
  const choices = [...new Set(picked.map(({ choice }) => choice))];
  const ofClasses = choices.flatMap(({ name, wanted }) =>
    (classOf(wanted.deviceClassName)?.spec.config ?? []).map((config) => ({
      ...config,
      source: 'FromClass' as const,
      requests: [name],
    })),
  );
  const ofClaim = (spec.devices?.config ?? [])
    .filter(({ requests = [] }) => requests.length === 0 || requests.some((request) => isChosen(request, choices)))
    .map((config) => ({ ...config, source: 'FromClaim' as const }));
  return [...ofClasses, ...ofClaim];
}

function isChosen(request: string, choices: readonly Choice[]): boolean {
  return choices.some(({ name }) => name === request || name.split('/')[0] === request);
}

/** Where all of the devices can be used: this node when one of them is on it, else wherever their slices say. */
function selectorOf(picked: readonly Picked[], node: Node): NodeSelector | undefined {
  if (picked.some(({ device }) => device.isLocal)) {
    const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node.metadata.name] }];
    return { nodeSelectorTerms: [{ matchFields }] };
  }
  const terms = picked.flatMap(({ device }) => device.nodeSelector?.nodeSelectorTerms ?? []);
  if (terms.length === 0) return undefined;
  const unique = (requirements: readonly NodeSelectorRequirement[]) => [
    ...new Map(requirements.map((requirement) => [JSON.stringify(requirement), requirement])).values(),
  ];
  const matchExpressions = unique(terms.flatMap((term) => term.matchExpressions ?? []));
  const matchFields = unique(terms.flatMap((term) => term.matchFields ?? []));
  return {
    nodeSelectorTerms: [
      {
        ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
        ...(matchFields.length === 0 ? {} : { matchFields }),
      },
    ],
  };
}
