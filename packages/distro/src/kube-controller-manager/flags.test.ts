/** The drop-in's flags as upstream's users write them: those of kubeadm's static Pod, and of local-up-cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleFlags, parseProgramFlags, programHelp } from '../drop-in/flags.ts';
import { DEFAULT_TUNING } from '@kapella/controllers';
import { concurrencyFlags, CONTROLLER_MANAGER, paceFlags, refuseUnsupported } from './flags.ts';
import { TUNING_FLAGS, tuningFlags } from './tuning-flags.ts';

const parse = (...words: string[]) => parseProgramFlags(CONTROLLER_MANAGER, words);

test('takes what kubeadm writes', () => {
  const flags = parse(
    '--allocate-node-cidrs=true',
    '--authentication-kubeconfig=/etc/kubernetes/controller-manager.conf',
    '--authorization-kubeconfig=/etc/kubernetes/controller-manager.conf',
    '--bind-address=127.0.0.1',
    '--client-ca-file=/etc/kubernetes/pki/ca.crt',
    '--cluster-cidr=10.244.0.0/16',
    '--cluster-name=kubernetes',
    '--cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt',
    '--cluster-signing-key-file=/etc/kubernetes/pki/ca.key',
    '--controllers=*,bootstrapsigner,tokencleaner',
    '--kubeconfig=/etc/kubernetes/controller-manager.conf',
    '--leader-elect=true',
    '--requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt',
    '--root-ca-file=/etc/kubernetes/pki/ca.crt',
    '--service-account-private-key-file=/etc/kubernetes/pki/sa.key',
    '--service-cluster-ip-range=10.96.0.0/12',
    '--use-service-account-credentials=true',
  );
  assert.equal(flags.get('controllers'), '*,bootstrapsigner,tokencleaner');
  assert.ok(!idleFlags(CONTROLLER_MANAGER, flags).includes('cluster-cidr'));
});

test('workers by controller, and refusals in upstream’s words', () => {
  const flags = parse('--concurrent-deployment-syncs=9', '--concurrent-gc-syncs', '40');
  assert.deepEqual(
    [...concurrencyFlags(flags)],
    [
      ['deployment-controller', 9],
      ['garbage-collector-controller', 40],
    ],
  );
  assert.throws(
    () => concurrencyFlags(parse('--concurrent-gc-syncs=many')),
    /--concurrent-gc-syncs: "many" is no number/,
  );
  assert.throws(() => parse('--controller=x'), /unknown flag: --controller/);
  assert.throws(() => parse('run'), /unknown command "run" for "kube-controller-manager"/);
});

test('no flag is in both lists, and the help leads with examples', () => {
  const both = CONTROLLER_MANAGER.honoured.filter((name) => CONTROLLER_MANAGER.withoutEffect.includes(name));
  assert.deepEqual(both, []);
  for (const name of CONTROLLER_MANAGER.booleans)
    assert.ok([...CONTROLLER_MANAGER.honoured, ...CONTROLLER_MANAGER.withoutEffect].includes(name), name);
  assert.match(programHelp(CONTROLLER_MANAGER), /Examples:\n {2}kapella kube-controller-manager --kubeconfig/);
});

test('what controllers are tuned by', () => {
  assert.deepEqual(tuningFlags(parse()), DEFAULT_TUNING);
  const flags = parse(
    ...['--node-monitor-grace-period=20s', '--pvclaimbinder-sync-period', '1m', '--terminated-pod-gc-threshold=-1'],
    ...['--horizontal-pod-autoscaler-tolerance=0.25', '--disable-force-detach-on-timeout'],
  );
  assert.deepEqual(tuningFlags(flags), {
    ...DEFAULT_TUNING,
    nodeMonitorGracePeriodMs: 20_000,
    pvclaimbinderSyncPeriodMs: 60_000,
    terminatedPodGcThreshold: -1,
    horizontalPodAutoscalerTolerance: 0.25,
    disableForceDetachOnTimeout: true,
  });
  assert.throws(() => tuningFlags(parse('--node-eviction-rate=fast')), /--node-eviction-rate: "fast" is no number/);
  assert.throws(() => tuningFlags(parse('--node-monitor-period=5')), /--node-monitor-period: "5" is no duration/);
  assert.ok(TUNING_FLAGS.includes('horizontal-pod-autoscaler-cpu-initialization-period'));
});

test('a pace of requests where one is given', () => {
  assert.equal(paceFlags(parse()), undefined);
  assert.deepEqual(paceFlags(parse('--kube-api-qps=50', '--kube-api-burst=80')), { perSecond: 50, burst: 80 });
});

test('what is asked for and not here is refused', () => {
  refuseUnsupported(parse('--cloud-provider=external', '--cloud-config=', '--leader-elect-resource-lock=leases'));
  assert.throws(() => refuseUnsupported(parse('--cloud-provider=aws')), /--cloud-provider=aws is not supported/);
  assert.throws(() => refuseUnsupported(parse('--leader-elect-resource-lock=endpoints')), /is not supported/);
});
