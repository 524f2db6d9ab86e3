/** What each version of the policy says; test/upstream/validation asks upstream's own about thousands of Pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckedPod } from './check.ts';
import { describe as told, evaluate, type Level } from './policy.ts';

const pod = (spec: object = {}, annotations: Record<string, string> = {}): CheckedPod =>
  ({ metadata: { annotations }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } }) as CheckedPod;
const container = (part: object) => pod({ containers: [{ name: 'c', image: 'i', ...part }] });
const restrictedPod = (spec: object = {}) =>
  pod({
    ...{ securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } },
    containers: [
      { name: 'c', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }, image: 'i' },
    ],
    ...spec,
  });

const SECCOMP = 'seccomp.security.alpha.kubernetes.io/pod';
const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/c';
const sysctl = (name: string) => pod({ securityContext: { sysctls: [{ name, value: '1' }] } });
const unmasked = { securityContext: { procMount: 'Unmasked' } };
const PROC = 'procMount (container "c" must not set securityContext.procMount to "Unmasked")';

const CASES: readonly (readonly [Level, string, CheckedPod, string])[] = [
  ['baseline', 'v1.26', sysctl('net.ipv4.tcp_rmem'), 'forbidden sysctls (net.ipv4.tcp_rmem)'],
  ['baseline', 'v1.32', sysctl('net.ipv4.tcp_rmem'), ''],
  ['baseline', 'v1.28', sysctl('net.ipv4.tcp_fin_timeout'), 'forbidden sysctls (net.ipv4.tcp_fin_timeout)'],
  ['baseline', 'v1.29', sysctl('net.ipv4.tcp_fin_timeout'), ''],
  ['baseline', 'v1.27', sysctl('net.ipv4.ip_local_reserved_ports'), ''],
  [
    ...(['baseline', 'v1.18', pod({}, { [SECCOMP]: 'unconfined' })] as const),
    'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
  ],
  ['baseline', 'v1.18', pod({}, { [SECCOMP]: 'localhost/x' }), ''],
  ['baseline', 'v1.19', pod({}, { [SECCOMP]: 'unconfined' }), ''],
  [
    ...(['baseline', 'latest', pod({}, { [APPARMOR]: 'unconfined' })] as const),
    `forbidden AppArmor profile (annotation must not set AppArmor profile type to "${APPARMOR}="unconfined"")`,
  ],
  ['baseline', 'latest', pod({}, { [APPARMOR]: 'runtime/default' }), ''],
  ['baseline', 'v1.33', container({ livenessProbe: { httpGet: { host: '127.0.0.1', port: 80 } } }), ''],
  [
    ...(['baseline', 'v1.34', container({ livenessProbe: { httpGet: { host: '127.0.0.1', port: 80 } } })] as const),
    'probe or lifecycle host (container "c" uses probe or lifecycle host "127.0.0.1")',
  ],
  ['baseline', 'v1.34', container({ ...unmasked }), PROC],
  ['baseline', 'v1.34', pod({ hostUsers: false, containers: [{ name: 'c', image: 'i', ...unmasked }] }), PROC],
  ['baseline', 'v1.35', pod({ hostUsers: false, containers: [{ name: 'c', image: 'i', ...unmasked }] }), ''],
  ['restricted', 'latest', restrictedPod(), ''],
  ['restricted', 'v1.0', pod({ securityContext: { runAsNonRoot: true } }), ''],
  [
    'restricted',
    'v1.22',
    restrictedPod({ securityContext: { runAsNonRoot: true, runAsUser: 0 } }),
    'seccompProfile (*)',
  ],
  ['restricted', 'v1.34', restrictedPod({ securityContext: {}, hostUsers: false }), 'runAsNonRoot != true (*)'],
  ['restricted', 'v1.35', restrictedPod({ securityContext: {}, hostUsers: false }), 'seccompProfile (*)'],
  ['restricted', 'v1.25', pod({ os: { name: 'windows' }, securityContext: { runAsNonRoot: true } }), ''],
  ['restricted', 'v1.24', pod({ os: { name: 'windows' }, securityContext: { runAsNonRoot: true } }), 'allowPriv*'],
  ['baseline', 'v1.30', container({ securityContext: { seLinuxOptions: { type: 'container_engine_t' } } }), 'seLinux*'],
  ['baseline', 'v1.31', container({ securityContext: { seLinuxOptions: { type: 'container_engine_t' } } }), ''],
  ['privileged', 'latest', pod({ hostPID: true }), ''],
  ['baseline', 'v1.99', pod({ hostPID: true }), 'host namespaces (hostPID=true)'],
];

test('the version of the policy decides what is asked', () => {
  for (const [level, version, asked, expected] of CASES) {
    const said = told(evaluate(asked, { level, version }));
    const [head = '', tail] = expected.split('*');
    if (tail === undefined) assert.equal(said, expected, `${level} ${version}`);
    else assert.ok(said.startsWith(head), `${level} ${version}: ${said}`);
  }
});
