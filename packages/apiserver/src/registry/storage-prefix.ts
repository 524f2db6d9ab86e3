/** Where the objects of a kind lie in the store: the keys of upstream, so that its tools find them. */

/** Built-in kinds whose place is not their plural. Source: kubernetes pkg/kubeapiserver/default_storage_factory_builder.go. */
const SPECIAL: ReadonlyMap<string, string> = new Map([
  ['/replicationcontrollers', 'controllers'],
  ['/endpoints', 'services/endpoints'],
  ['/nodes', 'minions'],
  ['/services', 'services/specs'],
  ['networking.k8s.io/ingresses', 'ingress'],
  ['apiextensions.k8s.io/customresourcedefinitions', 'apiextensions.k8s.io/customresourcedefinitions'],
  ['apiregistration.k8s.io/apiservices', 'apiregistration.k8s.io/apiservices'],
]);

/** `/registry/pods/`; custom resources lie under their group: `/registry/example.com/widgets/`. */
export function storagePrefix(group: string, plural: string, isBuiltIn: boolean): string {
  const place = isBuiltIn ? (SPECIAL.get(`${group}/${plural}`) ?? plural) : `${group}/${plural}`;
  return `/registry/${place}/`;
}
