/** Pages of metrics: names and labels as dashboards and metrics-server ask for them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetricsRegistry, formatTime } from '@kapella/base';
import type { Summary } from '../stats/summary.ts';
import { testPod } from '../testing/test-node.test-support.ts';
import { cadvisorMetricsText } from './cadvisor-metrics.ts';
import { createKubeletMetrics } from './kubelet-metrics.ts';
import { addNodeMetrics } from './node-metrics.ts';
import { resourceMetricsText } from './resource-metrics.ts';

const time = formatTime(1_700_000_000_000);
const pod = testPod('web', {
  containers: [{ name: 'main', image: 'app:1', resources: { limits: { memory: '64Mi', cpu: '500m' } } }],
});
const container = {
  id: 'c1',
  name: 'main',
  state: 'running' as const,
  hash: '',
  restartCount: 0,
  createdAtMs: 0,
  startedAtMs: 0,
  finishedAtMs: 0,
  exitCode: 0,
  reason: '',
  message: '',
  image: 'app:1',
  imageRef: '',
  logPath: '',
  sandboxId: 's1',
};
const sandbox = { id: 's1', attempt: 0, ready: true, hostNetwork: false, ips: [] };
const observed = { containers: [container], sandboxes: [sandbox] };
const cpu = (seconds: number) => ({ time, usageCoreNanoSeconds: seconds * 1e9 });
const memory = (workingSetBytes: number) => ({ time, workingSetBytes, usageBytes: workingSetBytes + 1 });
const eth0 = { name: 'eth0', rxBytes: 7, rxErrors: 0, txBytes: 8, txErrors: 0 };
const summary: Summary = {
  node: { nodeName: 'n', startTime: time, systemContainers: [], cpu: cpu(100), memory: memory(4096) },
  pods: [
    {
      podRef: { name: 'web', namespace: 'default', uid: 'uid-web' },
      startTime: time,
      containers: [
        { name: 'main', startTime: time, cpu: cpu(1.5), memory: memory(1024) },
        { name: 'starting', startTime: time, cpu: cpu(0) },
      ],
      cpu: cpu(2),
      memory: memory(2048),
      network: { time, ...eth0, interfaces: [eth0] },
    },
  ],
};

const lines = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

test('metrics/resource', () => {
  const text = resourceMetricsText(summary);
  assert.deepEqual(lines(text).sort(), [
    'container_cpu_usage_seconds_total{container="main",pod="web",namespace="default"} 1.5',
    'container_memory_working_set_bytes{container="main",pod="web",namespace="default"} 1024',
    'container_start_time_seconds{container="main",pod="web",namespace="default"} 1700000000',
    'node_cpu_usage_seconds_total 100',
    'node_memory_working_set_bytes 4096',
    'pod_cpu_usage_seconds_total{pod="web",namespace="default"} 2',
    'pod_memory_working_set_bytes{pod="web",namespace="default"} 2048',
    'resource_scrape_error 0',
    'scrape_error 0',
  ]);
  assert.match(text, /# TYPE container_cpu_usage_seconds_total counter/);
});

test('metrics/cadvisor: node, Pod and container rows', () => {
  const text = cadvisorMetricsText({
    summary,
    pods: new Map([['uid-web', { pod, observed }]]),
    cgroupOf: () => '/kubepods/poduid-web',
    machine: { cpuCount: 2, memoryBytes: 8192, machineId: 'm' },
    nowMs: 1_700_000_000_000,
    version: 'v1',
  });
  const found = new Set(lines(text));
  const main = 'container="main",id="/kubepods/poduid-web/c1",image="app:1",name="c1",namespace="default",pod="web"';
  const ofPod = 'container="",id="/kubepods/poduid-web",image="",name="",namespace="default",pod="web"';
  for (const line of [
    `container_cpu_usage_seconds_total{${main},cpu="total"} 1.5`,
    `container_memory_working_set_bytes{${main}} 1024`,
    `container_spec_memory_limit_bytes{${main}} ${64 * 1024 ** 2}`,
    `container_spec_cpu_quota{${main}} 50000`,
    `container_network_receive_bytes_total{${ofPod},interface="eth0"} 7`,
    'container_memory_usage_bytes{container="",id="/",image="",name="",namespace="",pod=""} 4097',
    'machine_cpu_cores{machine_id="m"} 2',
  ]) {
    assert.ok(found.has(line), `${line}\nin\n${text}`);
  }
});

test('the agent’s own: Pods and containers by state, volumes of claims, probes that come and go', () => {
  const metrics = createKubeletMetrics(createMetricsRegistry());
  const claim = { name: 'data', time, capacityBytes: 10, availableBytes: 4, usedBytes: 6 };
  addNodeMetrics(metrics.registry, {
    nodeName: 'node-1',
    cgroupVersion: 1,
    version: 'v1.36.3',
    workers: () => [{ pod, observed, phase: 'running', isActive: true }],
    claims: () => [{ ...claim, pvcRef: { name: 'data', namespace: 'default' } }],
  });
  metrics.evicted('memory.available');
  metrics.httpRequest('GET', 'metrics/cadvisor', false).ended(0.02);
  const found = new Set(lines(metrics.registry.text()));
  for (const line of [
    'kubelet_node_name{node="node-1"} 1',
    'kubelet_running_pods 1',
    'kubelet_running_containers{container_state="running"} 1',
    'kubelet_working_pods{lifecycle="sync",config="desired",static=""} 1',
    'kubelet_active_pods{static=""} 1',
    'kubelet_evictions{eviction_signal="memory.available"} 1',
    'kubelet_volume_stats_used_bytes{namespace="default",persistentvolumeclaim="data"} 6',
    'kubernetes_build_info{git_version="v1.36.3",major="1",minor="36"} 1',
    'kubelet_http_requests_total{method="GET",path="metrics/cadvisor",server_type="readwrite",long_running="false"} 1',
    'kubelet_http_inflight_requests{method="GET",path="metrics/cadvisor",server_type="readwrite",long_running="false"} 0',
  ]) {
    assert.ok(found.has(line), `${line}\nin\n${[...found].join('\n')}`);
  }
  const series = { kind: 'liveness', container: 'main', pod: 'web', namespace: 'default', uid: 'u' } as const;
  metrics.probed(series, 'successful', 0.01);
  const labels = 'probe_type="Liveness",result="successful",container="main",pod="web",namespace="default",pod_uid="u"';
  assert.ok(lines(metrics.probes.text()).includes(`prober_probe_total{${labels}} 1`));
  metrics.forgetProbe(series);
  assert.equal(metrics.probes.text(), '');
});

test('what dashboards of the kubelet ask for: lists of the runtime, ends of containers, devices, processors', () => {
  const metrics = createKubeletMetrics();
  metrics.workerStarted(3, 0.001);
  metrics.relisted(0.02, undefined, 1_700_000_000);
  metrics.relisted(0.02, 1.5, 1_700_000_060);
  metrics.containerEnded('init_container', 3, 'Error');
  metrics.devicePlugin('vendor.com/gpu');
  metrics.userNamespaceStarted(false);
  metrics.topologyAdmission(0.2, true);
  metrics.gracefulShutdown(5, 0);
  const seen = lines(metrics.registry.text());
  for (const line of [
    'kubelet_containers_per_pod_count_bucket{le="4"} 1',
    'kubelet_pod_worker_start_duration_seconds_count 1',
    'kubelet_pleg_relist_duration_seconds_count 2',
    'kubelet_pleg_relist_interval_seconds_sum 1.5',
    'kubelet_pleg_last_seen_seconds 1700000060',
    'kubelet_pleg_discard_events 0',
    'kubelet_terminated_containers_total{container_type="init_container",exit_code="3",reason="Error"} 1',
    'kubelet_device_plugin_registration_total{resource_name="vendor.com/gpu"} 1',
    'kubelet_started_user_namespaced_pods_total 1',
    'kubelet_topology_manager_admission_errors_total 1',
    'kubelet_graceful_shutdown_start_time_seconds 5',
  ]) {
    assert.ok(seen.includes(line), line);
  }
});
