/** Where the facts come from: the pinned Go modules of Kubernetes 1.36 and the packages that are read in them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const KUBERNETES_VERSION = 'v1.36.3';
const LIBRARY_VERSION = 'v0.36.3';

export interface GoPackageSource {
  /** Id prefix of its types, `core/v1`. */
  readonly id: string;
  /** Group of the API as clients name it. */
  readonly group: string;
  readonly version: string;
  readonly importPath: string;
  readonly dir: string;
  /** Prefix of OpenAPI definition names, `io.k8s.api.core.v1`. */
  readonly definition: string;
  /** Name of the constant in kinds.gen.ts that holds its kind refs. */
  readonly constant: string;
  /** Files that hold types. */
  readonly files: readonly string[];
}

export interface Sources {
  readonly kubernetesDir: string;
  readonly packages: readonly GoPackageSource[];
}

/** Package id -> API group. Only versions that an unconfigured API server serves, and what they need. */
const API_GROUPS: readonly (readonly [id: string, group: string])[] = [
  ['core/v1', ''],
  ['apps/v1', 'apps'],
  ['batch/v1', 'batch'],
  ['autoscaling/v1', 'autoscaling'],
  ['autoscaling/v2', 'autoscaling'],
  ['policy/v1', 'policy'],
  ['rbac/v1', 'rbac.authorization.k8s.io'],
  ['networking/v1', 'networking.k8s.io'],
  ['discovery/v1', 'discovery.k8s.io'],
  ['coordination/v1', 'coordination.k8s.io'],
  ['storage/v1', 'storage.k8s.io'],
  ['scheduling/v1', 'scheduling.k8s.io'],
  ['certificates/v1', 'certificates.k8s.io'],
  ['events/v1', 'events.k8s.io'],
  ['node/v1', 'node.k8s.io'],
  ['admissionregistration/v1', 'admissionregistration.k8s.io'],
  ['authentication/v1', 'authentication.k8s.io'],
  ['authorization/v1', 'authorization.k8s.io'],
  ['flowcontrol/v1', 'flowcontrol.apiserver.k8s.io'],
  ['resource/v1', 'resource.k8s.io'],
  ['admission/v1', 'admission.k8s.io'],
  ['apidiscovery/v2', 'apidiscovery.k8s.io'],
];

function moduleDir(name: string, version: string): string {
  const scratch = join(tmpdir(), 'kapella-gen');
  mkdirSync(scratch, { recursive: true });
  writeFileSync(join(scratch, 'go.mod'), 'module scratch\n');
  const out = execFileSync('go', ['mod', 'download', '-json', `${name}@${version}`], {
    cwd: scratch,
    encoding: 'utf8',
  });
  return (JSON.parse(out) as { Dir: string }).Dir;
}

function groupVersion(id: string): { name: string; version: string; constant: string } {
  const [name = '', version = ''] = id.split('/');
  return { name, version, constant: name + version.toUpperCase() };
}

/** Finds the modules in the Go module cache, downloading what is missing. A maintainer's step. */
export function findSources(): Sources {
  const api = moduleDir('k8s.io/api', LIBRARY_VERSION);
  const machinery = moduleDir('k8s.io/apimachinery', LIBRARY_VERSION);
  const extensions = moduleDir('k8s.io/apiextensions-apiserver', LIBRARY_VERSION);
  const aggregator = moduleDir('k8s.io/kube-aggregator', LIBRARY_VERSION);
  const packages: GoPackageSource[] = API_GROUPS.map(([id, group]) => {
    const { name, version, constant } = groupVersion(id);
    const importPath = `k8s.io/api/${name}/${version}`;
    const definition = `io.k8s.api.${name}.${version}`;
    return { id, group, version, importPath, dir: join(api, name, version), definition, constant, files: ['types.go'] };
  });
  packages.push(
    {
      id: 'apiextensions/v1',
      group: 'apiextensions.k8s.io',
      version: 'v1',
      constant: 'apiextensionsV1',
      importPath: 'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1',
      dir: join(extensions, 'pkg/apis/apiextensions/v1'),
      definition: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
      files: ['types.go', 'types_jsonschema.go'],
    },
    {
      id: 'apiregistration/v1',
      group: 'apiregistration.k8s.io',
      version: 'v1',
      constant: 'apiregistrationV1',
      importPath: 'k8s.io/kube-aggregator/pkg/apis/apiregistration/v1',
      dir: join(aggregator, 'pkg/apis/apiregistration/v1'),
      definition: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
      files: ['types.go'],
    },
    {
      id: 'meta/v1',
      group: 'meta.k8s.io',
      version: 'v1',
      constant: 'metaV1',
      importPath: 'k8s.io/apimachinery/pkg/apis/meta/v1',
      dir: join(machinery, 'pkg/apis/meta/v1'),
      definition: 'io.k8s.apimachinery.pkg.apis.meta.v1',
      files: ['types.go', 'watch.go', 'group_version.go'],
    },
    {
      id: 'version',
      group: '',
      version: '',
      constant: 'version',
      importPath: 'k8s.io/apimachinery/pkg/version',
      dir: join(machinery, 'pkg/version'),
      definition: 'io.k8s.apimachinery.pkg.version',
      files: ['types.go'],
    },
  );
  return { kubernetesDir: moduleDir('k8s.io/kubernetes', KUBERNETES_VERSION), packages };
}
