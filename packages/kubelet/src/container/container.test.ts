/** Environment, names, resolv.conf, hosts, security and resources of containers: tables of upstream's behaviour. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec, SecurityContext, Service } from '@kapella/api/types/core-v1';
import { computeQos, podAmounts } from '../lifecycle/qos.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { parseResolvConf, podDns } from './dns.ts';
import { containerEnv, type EnvSources } from './env.ts';
import { expand } from './expansion.ts';
import { podField, resourceField } from './field-path.ts';
import { hostsFile, kernelHostname, podHostname } from './hosts.ts';
import { milliToQuota, milliToShares, oomScoreAdj, runtimeResources } from './resources.ts';
import { sandboxConfig } from './sandbox-config.ts';
import { containerSecurity } from './security.ts';
import { serviceEnv } from './service-env.ts';

const facts = { hostIps: ['192.0.2.1'], podIps: ['10.0.0.5', 'fd00::5'] };
const node = { cpuMilli: 4000, memoryBytes: 1024 ** 3, ephemeralBytes: 0 };
const meta = (name: string, namespace = 'default') => ({
  name,
  namespace,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '',
});

test('expansion: known, unknown, escaped and broken references', () => {
  const known = (name: string) => ({ A: '1', B: '' })[name];
  const rows: readonly (readonly [string, string])[] = [
    ['$(A)', '1'],
    ['x$(A)y$(A)', 'x1y1'],
    ['$(B)', ''],
    ['$(C)', '$(C)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$A', '$A'],
    ['$(A', '$(A'],
    ['100$', '100$'],
    ['', ''],
  ];
  for (const [text, expected] of rows) assert.equal(expand(text, known), expected, text);
});

const sources = (more: Partial<EnvSources> = {}): EnvSources => ({
  configMap: (name) =>
    name === 'conf'
      ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('conf'), data: { a: '1', b: '2' } }
      : undefined,
  secret: (name) =>
    name === 'sec'
      ? { apiVersion: 'v1', kind: 'Secret', metadata: meta('sec'), data: { pw: btoa('geheim') } }
      : undefined,
  envFile: () => undefined,
  services: new Map([['KUBERNETES_PORT', 'tcp://10.96.0.1:443']]),
  node,
  ...more,
});

test('environment: later sources win, references see what came before', () => {
  const pod = testPod('web', {}, { labels: { app: 'x' } });
  const env = containerEnv(
    pod,
    {
      name: 'main',
      resources: { requests: { memory: '64Mi' } },
      envFrom: [
        { prefix: 'P_', configMapRef: { name: 'conf' } },
        { secretRef: { name: 'sec' } },
        { secretRef: { name: 'no', optional: true } },
      ],
      env: [
        { name: 'EARLY', value: '$(LATE)' },
        { name: 'LATE', value: '$(P_a)-$(KUBERNETES_PORT)' },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } } },
        { name: 'PW', valueFrom: { secretKeyRef: { name: 'sec', key: 'pw' } } },
        { name: 'GONE', valueFrom: { configMapKeyRef: { name: 'conf', key: 'zz', optional: true } } },
        { name: 'KUBERNETES_PORT', value: 'mine' },
      ],
    },
    facts,
    sources(),
  );
  assert.deepEqual(Object.fromEntries(env), {
    P_a: '1',
    P_b: '2',
    pw: 'geheim',
    EARLY: '$(LATE)',
    LATE: '1-tcp://10.96.0.1:443',
    IP: '10.0.0.5',
    LABEL: 'x',
    CPU: '4',
    MEM: '64',
    PW: 'geheim',
    KUBERNETES_PORT: 'mine',
  });
});

test('environment: what is missing is named', () => {
  const pod = testPod('web', {});
  const rows: readonly (readonly [object, string])[] = [
    [{ configMapKeyRef: { name: 'no', key: 'a' } }, 'configmap "no" not found'],
    [{ configMapKeyRef: { name: 'conf', key: 'zz' } }, "couldn't find key zz in ConfigMap default/conf"],
    [{ secretKeyRef: { name: 'sec', key: 'zz' } }, "couldn't find key zz in Secret default/sec"],
  ];
  for (const [valueFrom, message] of rows) {
    const env = [{ name: 'X', valueFrom }];
    assert.throws(() => containerEnv(pod, { name: 'main', env }, facts, sources()), { message });
  }
});

test('downward API: maps sorted and quoted, divisors round up', () => {
  const pod = testPod('web', {}, { labels: { b: '2', a: 'say "x"' } });
  assert.equal(podField('metadata.labels', pod, facts), 'a="say \\"x\\""\nb="2"');
  assert.equal(podField('status.podIPs', pod, facts), '10.0.0.5,fd00::5');
  assert.throws(() => podField('spec.nothing', pod, facts));
  const container = { name: 'c', resources: { limits: { cpu: '1500m' } } };
  assert.equal(resourceField({ resource: 'limits.cpu' }, container, node), '2');
  assert.equal(resourceField({ resource: 'limits.cpu', divisor: '1m' }, container, node), '1500');
  assert.equal(resourceField({ resource: 'limits.memory', divisor: '1Gi' }, container, node), '1');
  assert.equal(resourceField({ resource: 'requests.cpu' }, { name: 'c' }, node), '0');
});

test('service variables: of the namespace when wanted, of kubernetes always', () => {
  const service = (name: string, namespace: string, clusterIP: string, ports: object[]) =>
    ({ apiVersion: 'v1', kind: 'Service', metadata: meta(name, namespace), spec: { clusterIP, ports } }) as Service;
  const all = [
    service('kubernetes', 'default', '10.96.0.1', [{ name: 'https', port: 443, protocol: 'TCP' }]),
    service('my-db', 'shop', '10.96.0.2', [{ port: 5432, protocol: 'TCP' }]),
    service('headless', 'shop', 'None', [{ port: 1 }]),
    service('other', 'elsewhere', '10.96.0.3', [{ port: 1 }]),
  ];
  const names = (links: boolean) =>
    [...serviceEnv(all, 'shop', links).keys()].filter((name) => name.endsWith('_SERVICE_HOST'));
  assert.deepEqual(names(true), ['KUBERNETES_SERVICE_HOST', 'MY_DB_SERVICE_HOST']);
  assert.deepEqual(names(false), ['KUBERNETES_SERVICE_HOST']);
  const env = serviceEnv(all, 'shop', true);
  assert.equal(env.get('MY_DB_PORT_5432_TCP'), 'tcp://10.96.0.2:5432');
  assert.equal(env.get('KUBERNETES_SERVICE_PORT_HTTPS'), '443');
  assert.equal(env.get('KUBERNETES_PORT_443_TCP_ADDR'), '10.96.0.1');
});

test('resolv.conf of Pods by policy', () => {
  const host = parseResolvConf('# x\nnameserver 192.0.2.53\nsearch a.example. b.example\noptions ndots:1 rotate\n');
  assert.deepEqual(host, {
    servers: ['192.0.2.53'],
    searches: ['a.example', 'b.example'],
    options: ['ndots:1', 'rotate'],
  });
  const settings = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local', host };
  const dns = (spec: Partial<PodSpec>) => podDns(testPod('web', spec), settings).config;
  const cluster = {
    servers: ['10.96.0.10'],
    searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'a.example', 'b.example'],
    options: ['ndots:5'],
  };
  assert.deepEqual(dns({}), cluster);
  assert.deepEqual(dns({ dnsPolicy: 'ClusterFirst', hostNetwork: true }), host);
  assert.deepEqual(dns({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }), cluster);
  assert.deepEqual(dns({ dnsPolicy: 'Default' }), host);
  const own = {
    nameservers: ['1.1.1.1'],
    searches: ['x.y'],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  };
  assert.deepEqual(dns({ dnsPolicy: 'None', dnsConfig: own }), {
    servers: ['1.1.1.1'],
    searches: ['x.y'],
    options: ['ndots:2', 'edns0'],
  });
  assert.deepEqual(dns({ dnsConfig: own }).options, ['ndots:2', 'edns0']);
  const many = podDns(testPod('web', { dnsConfig: { nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3'] } }), settings);
  assert.deepEqual(many.config.servers, ['10.96.0.10', '1.1.1.1', '2.2.2.2']);
  assert.match(many.warnings[0] ?? '', /^Nameserver limits were exceeded/);
});

test('host names', () => {
  const name = (spec: Partial<PodSpec>, podName = 'web') => podHostname(testPod(podName, spec), 'cluster.local');
  assert.deepEqual(name({}), { hostname: 'web', domain: '' });
  assert.deepEqual(name({ hostname: 'h', subdomain: 's' }), { hostname: 'h', domain: 's.default.svc.cluster.local' });
  assert.equal(name({}, `${'a'.repeat(62)}-bcd`).hostname, 'a'.repeat(62));
  const fqdn = testPod('web', { subdomain: 's', setHostnameAsFQDN: true });
  assert.equal(kernelHostname(fqdn, podHostname(fqdn, 'cluster.local')), 'web.s.default.svc.cluster.local');
  const long = testPod('w'.repeat(60), { subdomain: 's', setHostnameAsFQDN: true });
  assert.throws(() => kernelHostname(long, podHostname(long, 'cluster.local')), /64 characters is the max/);
  const hosts = hostsFile(fqdn, podHostname(fqdn, 'cluster.local'), ['10.0.0.5'], '');
  assert.match(hosts, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
  assert.match(hosts, /10\.0\.0\.5\tweb\.s\.default\.svc\.cluster\.local\tweb\n/);
  assert.match(
    hostsFile(testPod('web', { hostNetwork: true }), { hostname: '', domain: '' }, [], '1.2.3.4 x\n'),
    /host network.*\n1\.2\.3\.4 x/,
  );
});

test('shares, quota and who is killed first', () => {
  assert.deepEqual([0, 1, 250, 1000, 1e9].map(milliToShares), [2, 2, 256, 1024, 262144]);
  assert.deepEqual([0, 1, 500, 2000].map(milliToQuota), [0, 1000, 50_000, 200_000]);
  const score = (requests: object, limits: object, spec: object = {}) => {
    const container = { name: 'main', resources: { requests, limits } } as never;
    const pod: Pod = testPod('web', { containers: [container], ...spec });
    return oomScoreAdj({ ...pod, status: {} }, container, 1000 * 1024 * 1024);
  };
  assert.equal(score({}, {}), 1000);
  assert.equal(score({ cpu: '1', memory: '1Gi' }, { cpu: '1', memory: '1Gi' }), -997);
  assert.equal(score({ memory: '200Mi' }, {}), 800);
  assert.equal(score({ memory: '1Mi' }, {}), 999);
  assert.equal(score({ memory: '2000Mi' }, {}), 3);
  assert.equal(score({}, {}, { priority: 2_000_001_000 }), -997);
  const guaranteed = { name: 'main', resources: { limits: { cpu: '1', memory: '1Gi' } } };
  const limits = { nodeMemoryBytes: 2 ** 33, oomScoreAdjMin: 0 };
  const pod = { ...testPod('web', { containers: [guaranteed] }), status: {} };
  const resources = runtimeResources(pod, guaranteed, limits);
  assert.deepEqual(resources, {
    cpuPeriod: 100_000,
    cpuQuota: 100_000,
    cpuShares: 1024,
    memoryLimitInBytes: 2 ** 30,
    oomScoreAdj: 0,
  });
});

test('quality of service and the amounts of a Pod', () => {
  const c = (name: string, requests: Record<string, string>, limits: Record<string, string>, more: object = {}) => ({
    name,
    resources: { requests, limits },
    ...more,
  });
  assert.equal(computeQos({ containers: [c('a', {}, {})] }), 'BestEffort');
  assert.equal(computeQos({ containers: [c('a', {}, { cpu: '1', memory: '1Gi' })] }), 'Guaranteed');
  assert.equal(computeQos({ containers: [c('a', {}, { cpu: '1', memory: '1Gi' }), c('b', {}, {})] }), 'Burstable');
  assert.equal(computeQos({ containers: [c('a', { cpu: '100m' }, {})] }), 'Burstable');
  const amounts = podAmounts({
    initContainers: [
      c('side', { cpu: '100m' }, { cpu: '200m' }, { restartPolicy: 'Always' }),
      c('init', { cpu: '2' }, { cpu: '2' }),
    ],
    containers: [c('a', { cpu: '500m' }, { cpu: '1' }), c('b', { cpu: '250m' }, { cpu: '500m' })],
    overhead: { cpu: '10m' },
  });
  assert.equal(amounts.cpuRequestMilli, 2110);
  assert.equal(amounts.cpuLimitMilli, 2210);
  assert.equal(amounts.memoryLimitBytes, undefined);
});

test('security: the container over the Pod, the image last; root is refused where it is not wanted', () => {
  const of = (
    own: SecurityContext | undefined,
    spec: Partial<PodSpec>,
    imageUser: object = { uid: 0, username: '' },
  ) => {
    const container = { name: 'main', ...(own && { securityContext: own }) };
    return containerSecurity({
      pod: testPod('web', { ...spec, containers: [container] }),
      container,
      imageUser: imageUser as never,
      seccompDir: '/seccomp',
    });
  };
  assert.deepEqual(of(undefined, {}).runAsUser, { value: 0 });
  assert.deepEqual(
    of({ runAsUser: 5 }, { securityContext: { runAsUser: 6, fsGroup: 7, supplementalGroups: [8] } }).runAsUser,
    { value: 5 },
  );
  assert.deepEqual(
    of(undefined, { securityContext: { fsGroup: 7, supplementalGroups: [8] } }).supplementalGroups,
    [7, 8],
  );
  assert.equal(of(undefined, {}, { username: 'app' }).runAsUsername, 'app');
  assert.equal(of({ allowPrivilegeEscalation: false }, {}).noNewPrivs, true);
  assert.deepEqual(
    of(undefined, { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'p.json' } } }).seccomp,
    {
      profileType: 'Localhost',
      localhostRef: '/seccomp/p.json',
    },
  );
  assert.deepEqual(of({ privileged: true, seccompProfile: { type: 'RuntimeDefault' } }, {}).seccomp, {
    profileType: 'Unconfined',
  });
  assert.deepEqual(of({ procMount: 'Unmasked' }, {}).maskedPaths, []);
  const nonRoot = { securityContext: { runAsNonRoot: true } };
  assert.throws(
    () => of(undefined, nonRoot),
    /^Error: container has runAsNonRoot and image will run as root \(pod: "web_default\(uid-web\)", container: main\)/,
  );
  assert.throws(() => of({ runAsUser: 0 }, nonRoot), /runAsUser breaks non-root policy/);
  assert.throws(() => of(undefined, nonRoot, { username: 'app' }), /non-numeric user \(app\)/);
  assert.doesNotThrow(() => of(undefined, nonRoot, { uid: 1000, username: '' }));
});

test('sandbox: no host name on the host network, ports of sidecars too, sysctls with dots', () => {
  const config = (spec: Partial<PodSpec>) =>
    sandboxConfig({
      pod: testPod('web', spec),
      attempt: 0,
      clusterDomain: 'cluster.local',
      dns: { servers: [], searches: [], options: [] },
      cgroupParent: '/k',
      logDirectory: '/l',
    });
  assert.equal(config({}).hostname, 'web');
  assert.equal('hostname' in config({ hostNetwork: true }), false);
  assert.equal(config({ hostNetwork: true }).linux.securityContext.namespaceOptions.network, 'NODE');
  assert.equal(config({ shareProcessNamespace: true }).linux.securityContext.namespaceOptions.pid, 'POD');
  const sysctls = config({ securityContext: { sysctls: [{ name: 'net/ipv4/x', value: '1' }] } }).linux.sysctls;
  assert.equal(sysctls['net.ipv4.x'], '1');
  const ports = config({
    initContainers: [
      { name: 's', restartPolicy: 'Always', ports: [{ containerPort: 1, hostPort: 2 }] },
      { name: 'i', ports: [{ containerPort: 9 }] },
    ],
    containers: [{ name: 'm', ports: [{ containerPort: 3, protocol: 'UDP' }] }],
  }).portMappings;
  assert.deepEqual(
    ports.map(({ containerPort, hostPort, protocol }) => [containerPort, hostPort, protocol]),
    [
      [1, 2, 'TCP'],
      [3, 0, 'UDP'],
    ],
  );
});
