/** The environment of a container. Source: kubernetes pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables). */
import type {
  ConfigMap,
  EnvFromSource,
  EnvVarSource,
  Pod,
  ResourceFieldSelector,
  Secret,
} from '@kapella/api/types/core-v1';
import type { AnyContainer } from '../lifecycle/observed.ts';
import { findContainer } from '../lifecycle/observed.ts';
import { expand } from './expansion.ts';
import type { PodFacts } from './facts.ts';
import { type NodeAllocatable, podField, resourceField } from './field-path.ts';

export interface EnvSources {
  /** Of the Pod's namespace; undefined = not found. */
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  /** Lines of an env file in a volume of the Pod; undefined = no such volume or file. */
  envFile(volume: string, path: string): string | undefined;
  readonly services: ReadonlyMap<string, string>;
  readonly node: NodeAllocatable;
}

/** Throws an Error with upstream's text when something that is not optional is missing. */
export function containerEnv(
  pod: Pod,
  container: AnyContainer,
  facts: PodFacts,
  sources: EnvSources,
): ReadonlyMap<string, string> {
  const env = new Map<string, string>();
  for (const from of container.envFrom ?? []) {
    for (const [key, value] of bulk(from, sources)) env.set((from.prefix ?? '') + key, value);
  }
  const lookup = (name: string) => env.get(name) ?? sources.services.get(name);
  for (const variable of container.env ?? []) {
    const value = variable.value
      ? expand(variable.value, lookup)
      : valueFrom(variable.valueFrom, pod, container, facts, sources);
    if (value !== undefined) env.set(variable.name, value);
  }
  for (const [name, value] of sources.services) if (!env.has(name)) env.set(name, value);
  return env;
}

function bulk({ configMapRef, secretRef }: EnvFromSource, sources: EnvSources): readonly (readonly [string, string])[] {
  if (configMapRef !== undefined) return Object.entries(configMapOf(configMapRef, sources)?.data ?? {});
  if (secretRef === undefined) return [];
  const data = Object.entries(secretOf(secretRef, sources)?.data ?? {});
  return data.map(([key, value]) => [key, decodeText(value)] as const);
}

/** undefined = leave the variable out. */
function valueFrom(
  from: EnvVarSource | undefined,
  pod: Pod,
  container: AnyContainer,
  facts: PodFacts,
  sources: EnvSources,
): string | undefined {
  if (from?.fieldRef !== undefined) return podField(from.fieldRef.fieldPath, pod, facts);
  if (from?.resourceFieldRef !== undefined) {
    return resourceField(from.resourceFieldRef, resourceTarget(from.resourceFieldRef, pod, container), sources.node);
  }
  if (from?.configMapKeyRef !== undefined) {
    const ref = from.configMapKeyRef;
    return keyOfData(pick(configMapOf(ref, sources)?.data, ref.key), 'ConfigMap', ref, pod);
  }
  if (from?.secretKeyRef !== undefined) {
    const ref = from.secretKeyRef;
    const value = pick(secretOf(ref, sources)?.data, ref.key);
    return keyOfData(value === undefined ? undefined : decodeText(value), 'Secret', ref, pod);
  }
  return from?.fileKeyRef === undefined ? '' : fileKey(from.fileKeyRef, sources);
}

const pick = (data: Readonly<Record<string, string>> | undefined, key: string): string | undefined =>
  data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined;

function resourceTarget({ containerName }: ResourceFieldSelector, pod: Pod, container: AnyContainer): AnyContainer {
  const target = containerName ? findContainer(pod.spec, containerName)?.container : container;
  if (target === undefined) throw new Error(`container ${containerName} not found`);
  return target;
}

interface Ref {
  readonly name?: string;
  readonly optional?: boolean;
}

function configMapOf(ref: Ref, sources: EnvSources): ConfigMap | undefined {
  const found = sources.configMap(ref.name ?? '');
  if (found === undefined && ref.optional !== true) throw new Error(`configmap "${ref.name}" not found`);
  return found;
}

function secretOf(ref: Ref, sources: EnvSources): Secret | undefined {
  const found = sources.secret(ref.name ?? '');
  if (found === undefined && ref.optional !== true) throw new Error(`secret "${ref.name}" not found`);
  return found;
}

function keyOfData(value: string | undefined, kind: string, ref: Ref & { readonly key: string }, pod: Pod) {
  if (value !== undefined || ref.optional === true) return value;
  throw new Error(`couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace}/${ref.name}`);
}

function fileKey(
  ref: { volumeName: string; path: string; key: string; optional?: boolean },
  sources: EnvSources,
): string | undefined {
  const text = sources.envFile(ref.volumeName, ref.path);
  for (const line of text?.split('\n') ?? []) {
    const at = line.indexOf('=');
    if (at > 0 && line.slice(0, at).trim() === ref.key) return unquote(line.slice(at + 1).trim());
  }
  if (ref.optional === true) return undefined;
  throw new Error(`environment variable key "${ref.key}" not found in file "${ref.path}"`);
}

const unquote = (text: string) => (/^'.*'$|^".*"$/.test(text) ? text.slice(1, -1) : text);

/** Base64 of UTF-8. */
export function decodeText(base64: string): string {
  return new TextDecoder().decode(decodeBytes(base64));
}

export function decodeBytes(base64: string): Uint8Array {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
