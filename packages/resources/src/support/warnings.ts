/** Warnings for the client. Source: kubernetes pkg/api/pod/warnings.go. */
import { validateDns1123Label } from '@kapella/api';
import type { KubeObject } from '@kapella/api';
import type { PodTemplateSpec } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { podSpecWarnings } from './pod-warnings.ts';

const HOSTNAME =
  'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: ';

/** As Go prints a list of strings. */
export const goList = (items: readonly string[]): string => `[${items.join(' ')}]`;

export function templateWarnings<T extends KubeObject>(
  templateOf: (object: T) => PodTemplateSpec | undefined,
  { nameIsHostname, field = 'spec.template' }: { readonly nameIsHostname: boolean; readonly field?: string },
): (object: T, old: T | undefined) => readonly string[] {
  return (object, old) => {
    const template = templateOf(object);
    if (template === undefined || (old !== undefined && jsonEqual(template, templateOf(old)))) return [];
    const wrong = nameIsHostname && old === undefined ? validateDns1123Label(object.metadata.name ?? '') : [];
    const named = wrong.length > 0 ? [`${HOSTNAME}${goList(wrong)}`] : [];
    return [...named, ...podSpecWarnings(template.spec, template.metadata ?? {}, `${field}.spec`, `${field}.metadata`)];
  };
}
