/** Columns that most kinds print. Source: kubernetes pkg/printers/internalversion/printers.go. */
import type { KubeObject } from '@kapella/api';
import type { PodSpec } from '@kapella/api/types/core-v1';
import type { Column } from '@kapella/apiserver';
import { containerImages, containerNames, sinceTime } from './format.ts';

export function nameColumn<T extends KubeObject>(): Column<T> {
  return { name: 'Name', format: 'name', value: (object) => object.metadata.name };
}

export function ageColumn<T extends KubeObject>(): Column<T> {
  return { name: 'Age', value: (object, nowMs) => sinceTime(object.metadata.creationTimestamp, nowMs) };
}

/** Containers and Images, printed with -o wide. */
export function podColumns<T>(specOf: (object: T) => PodSpec | undefined): readonly Column<T>[] {
  return [
    { name: 'Containers', wide: true, value: (object) => containerNames(specOf(object)) },
    { name: 'Images', wide: true, value: (object) => containerImages(specOf(object)) },
  ];
}

/** What a kind without columns of its own prints: the time as it is, clients turn it into an age. */
export function createdAtColumn<T extends KubeObject>(): Column<T> {
  return { name: 'Created At', type: 'date', value: (object) => object.metadata.creationTimestamp ?? '' };
}
