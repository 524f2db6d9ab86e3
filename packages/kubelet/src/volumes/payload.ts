/** What goes into the files of configMap, secret, downwardAPI and projected volumes. Source: kubernetes pkg/volume/projected. */
import { coreV1 } from '@kapella/api';
import type {
  ConfigMap,
  ConfigMapProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  SecretProjection,
  ServiceAccountTokenProjection,
} from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import { decodeBytes } from '../container/env.ts';
import { podField, resourceField } from '../container/field-path.ts';
import { findContainer } from '../lifecycle/observed.ts';
import type { Payload, PayloadFile } from './atomic-writer.ts';
import { commonUser } from './ownership.ts';
import type { VolumeDeps } from './volume.ts';

const TOKEN_SECONDS = 3600;
export const FILE_MODE = 0o644;
const TOKEN_MODE = 0o600;

export type Files = Map<string, PayloadFile>;

export async function configMapFiles(
  source: ConfigMapProjection,
  mode: number,
  pod: Pod,
  deps: VolumeDeps,
  ctx: Ctx,
): Promise<Payload> {
  const { name = '', items, optional } = source;
  const namespace = pod.metadata.namespace ?? '';
  const found = await deps.objects.get<ConfigMap>(coreV1.ConfigMap, namespace, name, ctx);
  if (found === undefined) {
    if (optional === true) return new Map();
    throw new Error(`configmap "${name}" not found`);
  }
  const encoder = new TextEncoder();
  const data = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(found.data ?? {})) data.set(key, encoder.encode(text));
  for (const [key, base64] of Object.entries(found.binaryData ?? {})) data.set(key, decodeBytes(base64));
  return pickKeys(data, items, mode, optional === true, 'configmap');
}

export async function secretFiles(
  source: SecretProjection,
  mode: number,
  pod: Pod,
  deps: VolumeDeps,
  ctx: Ctx,
): Promise<Payload> {
  const { name = '', items, optional } = source;
  const found = await deps.objects.get<Secret>(coreV1.Secret, pod.metadata.namespace ?? '', name, ctx);
  if (found === undefined) {
    if (optional === true) return new Map();
    throw new Error(`secret "${name}" not found`);
  }
  const data = new Map(Object.entries(found.data ?? {}).map(([key, base64]) => [key, decodeBytes(base64)]));
  return pickKeys(data, items, mode, optional === true, 'secret');
}

function pickKeys(
  data: ReadonlyMap<string, Uint8Array>,
  items: readonly KeyToPath[] | undefined,
  mode: number,
  optional: boolean,
  kind: string,
): Payload {
  const files: Files = new Map();
  if (!items?.length) {
    for (const [key, bytes] of data) files.set(key, { data: bytes, mode });
    return files;
  }
  for (const item of items) {
    const bytes = data.get(item.key);
    if (bytes !== undefined) files.set(normalize(item.path), { data: bytes, mode: item.mode ?? mode });
    else if (!optional)
      throw new Error(`${kind} references non-existent ${kind === 'secret' ? 'secret' : 'config'} key: ${item.key}`);
  }
  return files;
}

const normalize = (path: string) =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');

export function downwardFiles(
  items: readonly DownwardAPIVolumeFile[],
  mode: number,
  pod: Pod,
  deps: VolumeDeps,
): Payload {
  const encoder = new TextEncoder();
  const files: Files = new Map();
  for (const item of items) {
    files.set(normalize(item.path), { data: encoder.encode(downwardText(item, pod, deps)), mode: item.mode ?? mode });
  }
  return files;
}

function downwardText(item: DownwardAPIVolumeFile, pod: Pod, deps: VolumeDeps): string {
  if (item.fieldRef !== undefined) return podField(item.fieldRef.fieldPath, pod, deps.facts(pod));
  if (item.resourceFieldRef === undefined) return '';
  const name = item.resourceFieldRef.containerName ?? '';
  const container = findContainer(pod.spec, name)?.container;
  if (container === undefined) throw new Error(`container ${name} not found`);
  return resourceField(item.resourceFieldRef, container, deps.node);
}

export async function tokenFiles(
  source: ServiceAccountTokenProjection,
  mode: number,
  pod: Pod,
  deps: VolumeDeps,
  ctx: Ctx,
): Promise<{ readonly files: Payload; readonly refreshAtMs: number }> {
  const answer = await deps.tokens.get(pod, source.audience, source.expirationSeconds ?? TOKEN_SECONDS, ctx);
  const uid = commonUser(pod);
  const narrow = uid !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  const file: PayloadFile = {
    data: new TextEncoder().encode(answer.token),
    mode: narrow ? TOKEN_MODE : mode,
    ...(uid === undefined ? {} : { uid }),
  };
  return { files: new Map([[normalize(source.path), file]]), refreshAtMs: answer.renewAtMs };
}
