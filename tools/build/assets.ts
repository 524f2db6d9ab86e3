/** Files that the program reads at run time, beside the bundle. */
export const ASSETS: readonly { readonly from: string; readonly to: string }[] = [
  { from: '.cache/descriptions.json', to: 'descriptions.json' },
  { from: 'packages/kubelet/src/cri/node/api.proto', to: 'api.proto' },
  { from: 'packages/kubelet/src/cri/node/events.proto', to: 'events.proto' },
  { from: 'packages/csi/src/node/csi.proto', to: 'csi.proto' },
  { from: 'packages/csi/src/node/registration.proto', to: 'registration.proto' },
  { from: 'packages/kubelet/src/devices/node/deviceplugin.proto', to: 'deviceplugin.proto' },
  { from: 'packages/kubelet/src/pod-resources/node/podresources.proto', to: 'podresources.proto' },
  { from: 'packages/kubelet/src/dra/node/dra-v1.proto', to: 'dra-v1.proto' },
  { from: 'packages/kubelet/src/dra/node/dra-v1beta1.proto', to: 'dra-v1beta1.proto' },
  { from: 'packages/kubelet/src/dra/node/dra-health.proto', to: 'dra-health.proto' },
  { from: 'packages/store/src/backends/etcd/node/etcd.proto', to: 'etcd.proto' },
  { from: 'packages/store/src/encryption/node/kms.proto', to: 'kms.proto' },
  { from: 'packages/kubelet/src/probes/node/health.proto', to: 'health.proto' },
];
