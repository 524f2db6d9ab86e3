/** Two clusters on a machine do not meet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError, type ClusterOptions, type GivenOptions, overlaps } from '@kapella/cli';
import fc from 'fast-check';
import { chooseOptions, type MachineNetwork, parseListening, parseRoutes } from './choose-options.ts';

const machine = (listening: number[] = [], routes: string[] = []): MachineNetwork => ({
  hostName: 'box',
  listeningPorts: new Set(listening),
  routes,
});
const choose = (given: GivenOptions, others: ClusterOptions[] = [], host = machine()) =>
  chooseOptions(
    given,
    undefined,
    others.map((options) => ({ options, isRunning: true })),
    host,
  );

test('alone: the documented defaults, nothing to say', () => {
  const { options, notes } = choose({});
  assert.equal(options.apiPort, 6443);
  assert.equal(options.podCidr, '10.42.0.0/16');
  assert.equal(options.serviceCidr, '10.43.0.0/16');
  assert.deepEqual(notes, []);
});

test('beside another: the next free ones, and says so', () => {
  const first = choose({}).options;
  const { options, notes } = choose({ name: 'b' }, [first]);
  assert.equal(options.apiPort, 6444);
  assert.equal(options.podCidr, '10.44.0.0/16');
  assert.equal(options.serviceCidr, '10.45.0.0/16');
  assert.deepEqual(notes, [
    'port 6443 belongs to cluster kapella: using --api-port 6444',
    'network 10.42.0.0/16 belongs to cluster kapella: using --pod-cidr 10.44.0.0/16',
    'network 10.43.0.0/16 belongs to cluster kapella: using --service-cidr 10.45.0.0/16',
  ]);
});

test('any number of clusters of any wishes share nothing', () => {
  const wish = fc.record(
    {
      apiPort: fc.integer({ min: 6440, max: 6450 }).map(String),
      podCidr: fc.constantFrom('10.42.0.0/16', '10.44.0.0/14'),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 6 }), (wishes) => {
      const made: ClusterOptions[] = [];
      for (const [index, given] of wishes.entries()) {
        try {
          made.push(choose({ ...given, name: `c${index}` }, made).options);
        } catch (error) {
          assert.ok(error instanceof CliError); // what was wished for is taken
        }
      }
      for (const [index, a] of made.entries()) {
        for (const b of made.slice(index + 1)) {
          assert.notEqual(a.apiPort, b.apiPort);
          for (const left of [a.podCidr, a.serviceCidr])
            for (const right of [b.podCidr, b.serviceCidr]) assert.ok(!overlaps(left, right));
        }
      }
    }),
  );
});

test('programs and routes of the machine count as well', () => {
  const { options } = choose({}, [], machine([6443, 6444], ['10.0.0.0/24', '10.42.7.0/24']));
  assert.equal(options.apiPort, 6445);
  assert.equal(options.podCidr, '10.44.0.0/16');
});

test('what was made stays, and is told apart from what may change', () => {
  const saved = choose({ podCidr: '10.60.0.0/16' }).options;
  const again = (given: GivenOptions) => chooseOptions(given, saved, [], machine([6443])).options;
  assert.deepEqual(again({}), saved);
  assert.equal(again({ apiPort: '7000' }).apiPort, 7000);
  assert.throws(
    () => again({ podCidr: '10.61.0.0/16' }),
    /--pod-cidr 10.61.0.0\/16: cluster kapella was made with 10.60.0.0\/16/,
  );
});

test('a given network of a running cluster is refused', () => {
  const first = choose({}).options;
  assert.throws(
    () => choose({ name: 'b', podCidr: '10.42.128.0/17' }, [first]),
    /overlaps with 10.42.0.0\/16 of the running cluster/,
  );
});

test('reads what the kernel lists', () => {
  const routes =
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n' +
    'eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\n' +
    'eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n';
  assert.deepEqual(parseRoutes(routes), ['10.0.0.0/24']);
  const tcp =
    '  sl  local_address rem_address   st\n   0: 0100007F:192B 00000000:0000 0A 0\n   1: 0100007F:1F90 0100007F:0016 01 0\n';
  assert.deepEqual(parseListening(tcp), [6443]);
});
