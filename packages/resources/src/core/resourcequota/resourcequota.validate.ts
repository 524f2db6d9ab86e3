/** Rules for ResourceQuotas. Source: kubernetes pkg/apis/core/validation, ValidateResourceQuota. */
import type { ResourceQuota } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';

export function validateResourceQuota(_quota: ResourceQuota, _errors: FieldErrors): void {}
export function validateResourceQuotaUpdate(_next: ResourceQuota, _old: ResourceQuota, _errors: FieldErrors): void {}
export function validateResourceQuotaStatus(_next: ResourceQuota, _old: ResourceQuota, _errors: FieldErrors): void {}
