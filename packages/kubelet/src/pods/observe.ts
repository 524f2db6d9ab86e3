/** Reads what the runtime has of one Pod. Source: kubernetes pkg/kubelet/kuberuntime (GetPodStatus). */
import type { Ctx } from '@kapella/base';
import type { Cri, CriContainer, CriContainerStatus, CriSandbox } from '../cri/cri.ts';
import type { HostFiles } from '../host/host-files.ts';
import { factsOf } from '../lifecycle/labels.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../lifecycle/observed.ts';

const MESSAGE_BYTES_MAX = 4096;
const LOG_BYTES_MAX = 2048;
const LOG_LINES_MAX = 80;
const LOG_READ_BYTES = 64 * 1024;

/** `ended`: statuses that cannot change any more, by container id; kept by the caller. */
export async function observePod(
  cri: Cri,
  podUid: string,
  ended: Map<string, ObservedContainer>,
  files: HostFiles,
  ctx: Ctx,
): Promise<ObservedPod> {
  const [sandboxes, containers] = await Promise.all([
    cri.listPodSandboxes({ podUid }, ctx),
    cri.listContainers({ podUid }, ctx),
  ]);
  const newestFirst = sandboxes.toSorted((a, b) => b.createdAtMs - a.createdAtMs || b.attempt - a.attempt);
  const [seenSandboxes, seenContainers] = await Promise.all([
    Promise.all(newestFirst.map((sandbox, i) => observeSandbox(cri, sandbox, i === 0, ctx))),
    Promise.all(containers.map((container) => observeContainer(cri, container, ended, files, ctx))),
  ]);
  const alive = new Set(containers.map(({ id }) => id));
  for (const id of ended.keys()) if (!alive.has(id)) ended.delete(id);
  return {
    sandboxes: seenSandboxes.filter((sandbox) => sandbox !== undefined),
    containers: seenContainers
      .filter((container) => container !== undefined)
      .toSorted((a, b) => b.createdAtMs - a.createdAtMs || b.restartCount - a.restartCount),
  };
}

/** Instances that ran, or were not there, at the last look. */
export function newlyEnded({ containers }: ObservedPod, before: ObservedPod): readonly ObservedContainer[] {
  const known = new Set(before.containers.flatMap(({ id, state }) => (state === 'exited' ? [id] : [])));
  return containers.filter(({ id, state }) => state === 'exited' && !known.has(id));
}

async function observeSandbox(
  cri: Cri,
  sandbox: CriSandbox,
  newest: boolean,
  ctx: Ctx,
): Promise<ObservedSandbox | undefined> {
  const { id, attempt } = sandbox;
  if (!newest) return { id, attempt, ready: sandbox.state === 'ready', hostNetwork: false, ips: [] };
  const status = await cri.podSandboxStatus(id, ctx);
  if (status === undefined) return undefined;
  return { id, attempt, ready: status.state === 'ready', hostNetwork: status.hostNetwork, ips: status.ips };
}

async function observeContainer(
  cri: Cri,
  container: CriContainer,
  ended: Map<string, ObservedContainer>,
  files: HostFiles,
  ctx: Ctx,
): Promise<ObservedContainer | undefined> {
  const known = ended.get(container.id);
  if (known !== undefined) return known;
  const status = await cri.containerStatus(container.id, ctx);
  if (status === undefined) return undefined;
  const observed = await toObserved(status, container.sandboxId, files);
  if (observed.state === 'exited') ended.set(observed.id, observed);
  return observed;
}

async function toObserved(status: CriContainerStatus, sandboxId: string, files: HostFiles): Promise<ObservedContainer> {
  const facts = factsOf(status.annotations);
  const exited = status.state === 'exited';
  return {
    id: status.id,
    name: status.name,
    state: status.state,
    hash: facts.hash,
    restartCount: facts.restartCount,
    createdAtMs: status.createdAtMs,
    startedAtMs: status.startedAtMs,
    finishedAtMs: exited ? status.finishedAtMs : 0,
    exitCode: exited ? status.exitCode : 0,
    reason: exited ? status.reason : '',
    message: exited ? await endMessage(status, files) : '',
    image: status.image,
    imageRef: status.imageRef,
    logPath: status.logPath,
    sandboxId,
    ...(status.user === undefined ? {} : { user: status.user }),
  };
}

/** What the container left in its message file, else (if wanted) the end of its log. */
async function endMessage(status: CriContainerStatus, files: HostFiles): Promise<string> {
  const { terminationMessagePath: path, terminationMessagePolicy } = factsOf(status.annotations);
  const mount = status.mounts.find(({ containerPath }) => path !== '' && containerPath === path);
  const bytes = mount === undefined ? undefined : await files.readTail(mount.hostPath, MESSAGE_BYTES_MAX);
  let text = bytes === undefined ? '' : new TextDecoder().decode(bytes);
  const fallBack = terminationMessagePolicy === 'FallbackToLogsOnError' && status.exitCode !== 0;
  if (text === '' && fallBack && status.reason !== 'ContainerCannotRun') text = await endOfLog(status.logPath, files);
  return [status.message, text].filter((part) => part !== '').join(': ');
}

async function endOfLog(path: string, files: HostFiles): Promise<string> {
  const bytes = await files.readTail(path, LOG_READ_BYTES);
  if (bytes === undefined) return '';
  const text = stripLogLines(new TextDecoder().decode(bytes), LOG_LINES_MAX);
  return text.slice(-LOG_BYTES_MAX);
}

/** The text of the last `linesMax` lines of a CRI log: `<time> <stream> <P|F> <text>`. */
export function stripLogLines(log: string, linesMax: number): string {
  const lines = log.split('\n').filter((line) => /^\S+ (stdout|stderr) [PF](:\S*)? ?/.test(line));
  return lines
    .slice(-linesMax)
    .map((line) => {
      const [, , tag = 'F'] = line.split(' ', 3);
      const text = line.split(' ').slice(3).join(' ');
      return tag.startsWith('P') ? text : `${text}\n`;
    })
    .join('');
}
