/** Pods: golden rows, defaults and upstream's wording. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@kapella/api/types/core-v1';
import { cells, created, createErrors, given, updateErrors } from '../../testing/harness.ts';
import { podGracePeriod, podResource } from './pod.resource.ts';

const pod = (spec: object = {}, part: object = {}) =>
  given<Pod>({
    kind: 'Pod',
    apiVersion: 'v1',
    spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec },
    ...part,
  });

test('a Pod of one image gets all defaults', () => {
  const { spec, status } = created(podResource, pod());
  assert.deepEqual(spec, {
    containers: [
      {
        name: 'c',
        image: 'nginx',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'Always',
      },
    ],
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
  });
  assert.deepEqual(status, { phase: 'Pending', qosClass: 'BestEffort' });
});

test('pull policy follows the tag', () => {
  const policy = (image: string) =>
    created(podResource, pod({ containers: [{ name: 'c', image }] })).spec.containers[0]?.imagePullPolicy;
  const digest = `nginx@sha256:${'a'.repeat(64)}`;
  const found = ['nginx', 'nginx:latest', 'nginx:1.27', 'host:5000/nginx', 'host:5000/a/b:v1', digest, 'UPPER'].map(
    policy,
  );
  const [always, present] = ['Always', 'IfNotPresent'];
  assert.deepEqual(found, [always, always, present, always, present, present, present]);
});

test('requests default to limits and decide the QoS class', () => {
  const of = (resources: object) => created(podResource, pod({ containers: [{ name: 'c', image: 'i', resources }] }));
  const full = of({ limits: { cpu: '1000m', memory: '64Mi' } });
  assert.deepEqual(full.spec.containers[0]?.resources?.requests, { cpu: '1', memory: '64Mi' });
  assert.equal(full.status?.qosClass, 'Guaranteed');
  assert.equal(of({ requests: { cpu: '1' } }).status?.qosClass, 'Burstable');
});

test('all errors of a bad Pod come at once, in upstream wording', () => {
  const bad = pod({
    volumes: [
      { name: 'v', emptyDir: {}, hostPath: { path: '/x' } },
      { name: 'Data', emptyDir: {} },
    ],
    containers: [
      {
        name: 'C_1',
        image: '',
        ports: [{ containerPort: 70000 }],
        env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
        volumeMounts: [{ name: 'none', mountPath: '/x' }],
        livenessProbe: { successThreshold: 2 },
        resources: { requests: { cpu: '2' }, limits: { cpu: '1' } },
      },
      { name: 'c2', image: ' i', imagePullPolicy: 'Sometimes' },
    ],
    restartPolicy: 'Maybe',
    tolerations: [{ operator: 'Equal', value: 'x' }],
  });
  const label =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and " +
    "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " +
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
  assert.deepEqual(createErrors(podResource, bad), [
    'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    `spec.volumes[1].name: Invalid value: "Data": ${label}`,
    `spec.containers[0].name: Invalid value: "C_1": ${label}`,
    'spec.containers[0].image: Required value',
    'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    'spec.containers[0].volumeMounts[0].name: Not found: "none"',
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    'spec.containers[1].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
    'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which ' +
      'means "match all values and all keys"',
    'spec.containers[1].image: Invalid value: " i": must not have leading or trailing whitespace',
  ]);
});

test('a Pod that uses most fields is valid', () => {
  const rich = pod({
    serviceAccountName: 'default',
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    initContainers: [
      { name: 'init', image: 'busybox', command: ['true'] },
      { name: 'side', image: 'busybox', restartPolicy: 'Always', startupProbe: { exec: { command: ['true'] } } },
    ],
    containers: [
      {
        name: 'c',
        image: 'nginx:1.27',
        ports: [{ name: 'http', containerPort: 80 }],
        env: [
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'L', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
          { name: 'M', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        ],
        envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }],
        resources: { limits: { cpu: '1', memory: '1Gi', 'example.com/gpu': '1' }, requests: { cpu: '0.5' } },
        readinessProbe: { httpGet: { path: '/', port: 'http' } },
        livenessProbe: { grpc: { port: 9000 } },
        lifecycle: { preStop: { sleep: { seconds: 5 } } },
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        volumeMounts: [
          { name: 'data', mountPath: '/data', subPath: 'a/b' },
          { name: 'all', mountPath: '/all' },
        ],
      },
    ],
    volumes: [
      { name: 'data' },
      {
        name: 'all',
        projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { configMap: { name: 'c' } }] },
      },
    ],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: { matchLabels: { app: 'x' } }, topologyKey: 'kubernetes.io/hostname' },
        ],
      },
    },
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
    ],
    tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 3 }],
  });
  assert.deepEqual(createErrors(podResource, rich), []);
  assert.deepEqual(updateErrors(podResource, created(podResource, rich), rich), []);
});

test('only images and the like may change', () => {
  const next = (part: object) => ({ ...created(podResource, pod()), ...part }) as Pod;
  const spec = created(podResource, pod()).spec;
  const image = [{ ...spec.containers[0], image: 'nginx:2' }];
  assert.deepEqual(updateErrors(podResource, next({ spec: { ...spec, containers: image } }), pod()), []);
  const [error] = updateErrors(podResource, next({ spec: { ...spec, restartPolicy: 'Never' } }), pod());
  assert.match(
    error ?? '',
    /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,/,
  );
  assert.match(error ?? '', /- restartPolicy: "Always"\n\+ restartPolicy: "Never"$/);
  assert.deepEqual(updateErrors(podResource, next({ spec: { ...spec, containers: [] } }), pod()), [
    'spec.containers: Required value',
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ]);
});

const status = (part: object) => ({ phase: 'Running', podIPs: [{ ip: '10.0.0.7' }], ...part });
const containerStatus = (state: object, part: object = {}) => ({
  name: 'c',
  restartCount: 0,
  ready: false,
  state,
  ...part,
});
const ready = [{ type: 'Ready', status: 'True' }];
const rows: readonly [string, object, object, readonly unknown[]][] = [
  [
    'running',
    status({ containerStatuses: [containerStatus({ running: {} }, { ready: true })] }),
    {},
    ['1/1', 'Running', '0'],
  ],
  [
    'creating',
    status({ phase: 'Pending', containerStatuses: [containerStatus({ waiting: { reason: 'ContainerCreating' } })] }),
    {},
    ['0/1', 'ContainerCreating', '0'],
  ],
  [
    'crashing',
    status({
      containerStatuses: [
        containerStatus(
          { waiting: { reason: 'CrashLoopBackOff' } },
          { restartCount: 3, lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T23:50:00Z' } } },
        ),
      ],
    }),
    {},
    ['0/1', 'CrashLoopBackOff', '3 (10m ago)'],
  ],
  [
    'out of memory',
    status({
      phase: 'Failed',
      containerStatuses: [containerStatus({ terminated: { exitCode: 137, reason: 'OOMKilled' } })],
    }),
    {},
    ['0/1', 'OOMKilled', '0'],
  ],
  [
    'killed',
    status({ phase: 'Failed', containerStatuses: [containerStatus({ terminated: { exitCode: 2 } })] }),
    {},
    ['0/1', 'ExitCode:2', '0'],
  ],
  [
    'terminating',
    status({ conditions: ready, containerStatuses: [containerStatus({ running: {} }, { ready: true })] }),
    { metadata: { deletionTimestamp: '2026-01-01T23:59:00Z' } },
    ['1/1', 'Terminating', '0'],
  ],
  ['evicted', status({ phase: 'Failed', reason: 'Evicted' }), {}, ['0/1', 'Evicted', '0']],
  [
    'gated',
    status({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }),
    {},
    ['0/1', 'SchedulingGated', '0'],
  ],
  [
    'initializing',
    status({
      phase: 'Pending',
      initContainerStatuses: [{ name: 'i', restartCount: 0, ready: false, state: { running: {} } }],
    }),
    {
      spec: {
        initContainers: [
          { name: 'i', image: 'x' },
          { name: 'j', image: 'x' },
        ],
        containers: [{ name: 'c', image: 'x' }],
      },
    },
    ['0/1', 'Init:0/2', '0'],
  ],
];
for (const [name, podStatus, part, expected] of rows) {
  test(`the row of a Pod ${name}`, () => {
    assert.deepEqual(cells(podResource, pod({}, { status: podStatus, ...part })).slice(1, 4), expected);
  });
}

test('grace is for Pods on a node', () => {
  const onNode = (part: object = {}) => pod({ nodeName: 'n', terminationGracePeriodSeconds: 7 }, part);
  assert.equal(podGracePeriod(pod(), 5), 0);
  assert.equal(podGracePeriod(onNode(), undefined), 7);
  assert.equal(podGracePeriod(onNode(), 3), 3);
  assert.equal(podGracePeriod(onNode(), -1), 1);
  assert.equal(podGracePeriod(onNode({ status: { phase: 'Succeeded' } }), undefined), 0);
});
