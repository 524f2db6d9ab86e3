/** Defaults of device requests. Source: kubernetes pkg/apis/resource/v1/defaults.go. */
import type { DeviceSubRequest, ExactDeviceRequest, ResourceClaimSpec } from '@kapella/api/types/resource-v1';

export function withClaimSpecDefaults(spec: ResourceClaimSpec): ResourceClaimSpec {
  const requests = spec.devices?.requests;
  if (requests === undefined) return spec;
  return {
    ...spec,
    devices: {
      ...spec.devices,
      requests: requests.map((request) => ({
        ...request,
        ...(request.exactly && { exactly: withCount(request.exactly) }),
        ...(request.firstAvailable && { firstAvailable: request.firstAvailable.map(withCount) }),
      })),
    },
  };
}

function withCount<R extends ExactDeviceRequest | DeviceSubRequest>(request: R): R {
  const allocationMode = request.allocationMode || 'ExactCount';
  return {
    ...request,
    allocationMode,
    ...(allocationMode === 'ExactCount' && { count: request.count || 1 }),
    ...(request.tolerations && {
      tolerations: request.tolerations.map((item) => ({ ...item, operator: item.operator || 'Equal' })),
    }),
  };
}
