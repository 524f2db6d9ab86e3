/** A range of users and groups of the host for each Pod that asks for one. Source: kubernetes pkg/kubelet/userns (KEP-127). */
import type { Pod } from '@kapella/api/types/core-v1';
import type { NamespaceOption } from '../cri/config.ts';
import type { CriRuntimeHandler } from '../cri/cri.ts';
import type { HostFiles } from '../host/host-files.ts';

const FILE = 'userns';
const FILE_MODE = 0o600;
const POD_DIR_MODE = 0o750;
const UNIT = 65_536;
const IDS = 2 ** 32;

type UsernsOptions = NonNullable<NamespaceOption['usernsOptions']>;

/** Users and groups that Pods may be given. */
export interface IdRange {
  readonly first: number;
  readonly length: number;
}

export interface UserNamespaces {
  /** undefined = the Pod is in the host's user namespace. Throws an Error with upstream's text. */
  optionsOf(pod: Pod, runtimeHandler: string): Promise<UsernsOptions | undefined>;
  /** The Pod is over and its directory gone, or about to be. */
  release(podUid: string): Promise<void>;
}

export interface UserNamespaceDeps {
  readonly files: HostFiles;
  readonly podsDir: string;
  readonly idsPerPod: number;
  readonly podsMax: number;
  /** Of /etc/subuid and /etc/subgid for the user `kubelet`; undefined = all above the first unit. */
  readonly range?: IdRange;
  handlers(): readonly CriRuntimeHandler[];
}

/** What the user `kubelet` is given in a file of subordinate ids; undefined = nothing. Throws when it is several ranges. */
export function parseSubIds(text: string, user: string): IdRange | undefined {
  const lines = text.split('\n').filter((line) => line.startsWith(`${user}:`));
  if (lines.length === 0) return undefined;
  if (lines.length > 1) throw new Error(`user "${user}" has ${lines.length} ranges of subordinate ids, not one`);
  const [, first, length] = (lines[0] as string).split(':').map(Number);
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(length)) {
    throw new Error(`subordinate ids of user "${user}" are not numbers`);
  }
  return { first: first as number, length: length as number };
}

/** Throws when the range is not fit for that many Pods. Reads what earlier Pods were given. */
export async function createUserNamespaces(deps: UserNamespaceDeps): Promise<UserNamespaces> {
  const { files, podsDir, idsPerPod } = deps;
  const range = deps.range ?? { first: idsPerPod, length: Math.floor((IDS - idsPerPod) / idsPerPod) * idsPerPod };
  checkRange(range, deps);
  const slots = range.length / idsPerPod;
  const taken = new Map<number, string>();
  const slotOf = new Map<string, number>();
  const take = (uid: string, hostId: number, length: number): void => {
    if (length !== idsPerPod) throw new Error(`wrong user namespace length ${length}`);
    if (hostId % idsPerPod !== 0) throw new Error(`wrong user namespace offset specified ${hostId}`);
    const slot = (hostId - range.first) / idsPerPod;
    if (slot < 0 || slot >= slots) throw new Error(`id ${hostId} is out of range`);
    const owner = taken.get(slot);
    if (owner !== undefined && owner !== uid) throw new Error(`range picked for pod "${uid}" already taken`);
    taken.set(slot, uid);
    slotOf.set(uid, slot);
  };
  const read = async (uid: string): Promise<number | undefined> => {
    const bytes = await files.read(`${podsDir}/${uid}/${FILE}`);
    if (bytes === undefined || bytes.length === 0) return undefined;
    const hostId = parseMapping(new TextDecoder().decode(bytes), idsPerPod);
    take(uid, hostId, idsPerPod);
    return hostId;
  };
  const create = async (uid: string): Promise<number> => {
    let slot = 0;
    while (taken.has(slot)) slot++;
    if (slot >= slots) throw new Error('could not find an empty slot to allocate a user namespace');
    const hostId = range.first + slot * idsPerPod;
    take(uid, hostId, idsPerPod);
    const mapping = [{ hostId, containerId: 0, length: idsPerPod }];
    try {
      await files.mkdir(`${podsDir}/${uid}`, POD_DIR_MODE);
      const text = JSON.stringify({ uidMappings: mapping, gidMappings: mapping });
      await files.write(`${podsDir}/${uid}/${FILE}`, text, FILE_MODE);
    } catch (error) {
      taken.delete(slot);
      slotOf.delete(uid);
      throw error;
    }
    return hostId;
  };
  for (const uid of (await files.list(podsDir)) ?? []) await read(uid);
  return {
    async optionsOf(pod, runtimeHandler) {
      if (pod.spec.hostUsers !== false) return undefined;
      checkHandler(deps.handlers(), runtimeHandler);
      const { uid } = pod.metadata;
      const hostId = (await read(uid)) ?? (await create(uid));
      const mapping = [{ hostId, containerId: 0, length: idsPerPod }];
      return { mode: 'POD', uids: mapping, gids: mapping };
    },
    async release(podUid) {
      const slot = slotOf.get(podUid);
      if (slot === undefined) return;
      slotOf.delete(podUid);
      taken.delete(slot);
      await files.remove(`${podsDir}/${podUid}/${FILE}`);
    },
  };
}

function checkRange({ first, length }: IdRange, { idsPerPod, podsMax }: UserNamespaceDeps): void {
  if (idsPerPod % UNIT !== 0)
    throw new Error(`kubelet user namespace length ${idsPerPod} is not a multiple of ${UNIT}`);
  if (first % idsPerPod !== 0) throw new Error(`kubelet user assigned ID ${first} is not a multiple of ${idsPerPod}`);
  if (first < idsPerPod) {
    throw new Error(`kubelet user assigned ID ${first} must be greater or equal to ${idsPerPod}`);
  }
  if (length % idsPerPod !== 0) {
    throw new Error(`kubelet user assigned IDs length ${length} is not a multiple of ${idsPerPod}`);
  }
  if (length / idsPerPod < podsMax) {
    throw new Error(`kubelet user assigned IDs are not enough to support ${podsMax} pods`);
  }
}

function checkHandler(handlers: readonly CriRuntimeHandler[], name: string): void {
  if (handlers.find((handler) => handler.name === name)?.userNamespaces === true) return;
  const who = name === '' ? 'runtime' : `RuntimeClass handler "${name}"`;
  const message = `can't set \`spec.hostUsers: false\`, ${who} does not support user namespaces`;
  const isUnknown = handlers.length > 0 && !handlers.some((handler) => handler.name === name);
  throw new Error(isUnknown ? `${message}: the handler "${name}" is not known` : message);
}

interface Mapping {
  readonly hostId?: number;
  readonly containerId?: number;
  readonly length?: number;
}

function parseMapping(text: string, idsPerPod: number): number {
  let value: { readonly uidMappings?: readonly Mapping[]; readonly gidMappings?: readonly Mapping[] };
  try {
    value = JSON.parse(text) as typeof value;
  } catch (cause) {
    throw new Error('user namespace: invalid user namespace mappings file', { cause });
  }
  const { uidMappings = [], gidMappings = [] } = value;
  const invalid = 'user namespace: invalid user namespace configuration';
  if (uidMappings.length !== 1) throw new Error(`${invalid}: no more than one mapping allowed.`);
  if (JSON.stringify(uidMappings) !== JSON.stringify(gidMappings)) {
    throw new Error(`${invalid}: GID and UID mapping should be identical`);
  }
  const [{ hostId = -1, containerId, length }] = uidMappings as readonly [Mapping];
  if (containerId !== 0) throw new Error(`${invalid}: UID 0 must be mapped`);
  if (length !== idsPerPod) throw new Error(`user namespace: wrong user namespace length ${length}`);
  return hostId;
}

/** For nodes whose runtime has none: a Pod that asks for one is refused. */
export const noUserNamespaces: UserNamespaces = {
  async optionsOf(pod) {
    if (pod.spec.hostUsers === false) checkHandler([], '');
    return undefined;
  },
  async release() {},
};
