/** The pure parts of priority and fairness: dealing, sharing out, demand, waiting times, classification. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseRequestInfo } from '../http/request-info.ts';
import { allocate } from './allocation.ts';
import { bySequence, Classifier, matchesSchema } from './classify.ts';
import { Integrator, NO_DEMAND, nextDemand } from './demand.ts';
import { adjustSeats, assignNominal, newLevel, queueConfigOf } from './levels.ts';
import {
  MANDATORY_LEVELS,
  MANDATORY_SCHEMAS,
  type SchemaObject,
  SUGGESTED_LEVELS,
  SUGGESTED_SCHEMAS,
} from './objects.ts';
import { RetryAfter } from './retry-after.ts';
import { dealerProblem, dealHand, flowHash } from './shuffle.ts';
import { estimateWork } from './work.ts';

const NO_QUERY = new URLSearchParams();
const request = (method: string, path: string, query = '') =>
  parseRequestInfo(method, path, new URLSearchParams(query));

describe('shuffle sharding', () => {
  test('a hand is different queues, the same for the same flow', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 6, max: 512 }), (name, deck) => {
        const hand = dealHand(flowHash('schema', name), deck, 6);
        assert.equal(new Set(hand).size, 6);
        assert.ok(hand.every((card) => card >= 0 && card < deck));
        assert.deepEqual(dealHand(flowHash('schema', name), deck, 6), hand);
      }),
    );
  });

  test('hands are spread evenly', () => {
    const counts = new Array<number>(64).fill(0);
    for (let i = 0; i < 6_400; i++) {
      for (const card of dealHand(flowHash('s', `user-${i}`), 64, 6)) counts[card] = (counts[card] ?? 0) + 1;
    }
    assert.ok(Math.min(...counts) > 450 && Math.max(...counts) < 750, String(counts));
  });

  test('hands that need more than 60 bits are refused', () => {
    assert.equal(dealerProblem(128, 8), undefined);
    assert.match(dealerProblem(512, 10) ?? '', /greater than 60/);
    assert.match(dealerProblem(4, 5) ?? '', /greater than deckSize/);
  });
});

describe('sharing seats out', () => {
  test('the shares add up, within their bounds, and whoever no bound holds gets the same part of the target', () => {
    const claim = fc
      .tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }))
      .map(([low, more, target]) => ({ lowerBound: low, upperBound: low + more, target: Math.max(low, target) }));
    fc.assert(
      fc.property(fc.array(claim, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 400 }), (claims, sum) => {
        const low = claims.reduce((total, { lowerBound }) => total + lowerBound, 0);
        const high = claims.reduce((total, { upperBound }) => total + upperBound, 0);
        const found = allocate(sum, claims);
        if (sum < low || sum > high) {
          assert.equal(found, undefined);
          return;
        }
        assert.ok(found !== undefined);
        assert.ok(Math.abs(found.shares.reduce((a, b) => a + b, 0) - sum) < 1e-3);
        claims.forEach(({ lowerBound, upperBound, target }, i) => {
          const share = found.shares[i] as number;
          assert.ok(share >= lowerBound - 1e-9 && share <= upperBound + 1e-9);
          const isFree = share > lowerBound + 1e-6 && share < upperBound - 1e-6;
          if (isFree && sum < high && sum > low) {
            assert.ok(Math.abs(share - found.fairFraction * Math.max(target, 0.001)) < 1e-3);
          }
        });
      }),
    );
  });

  test('the shipped levels get their nominal seats of 600, and the idle ones lend', () => {
    const levels = [...MANDATORY_LEVELS, ...SUGGESTED_LEVELS].map((object) => newLevel(object, 0));
    const sum = assignNominal(levels, 600);
    const seats = Object.fromEntries(levels.map(({ name, nominal, min, max }) => [name, [nominal, min, max]]));
    assert.deepEqual(seats, {
      'catch-all': [13, 13, 613],
      exempt: [0, 0, 600],
      system: [74, 50, 674],
      'node-high': [98, 73, 698],
      'leader-election': [25, 25, 625],
      'workload-high': [98, 49, 698],
      'workload-low': [245, 24, 845],
      'global-default': [49, 24, 649],
    });
    for (const level of levels) {
      level.queues.configure(queueConfigOf(level.configuration) as never, level.current, 0);
    }
    const busy = levels.find(({ name }) => name === 'global-default');
    busy?.queues.demand.set(400, 0);
    adjustSeats(levels, sum, 10_000);
    assert.ok((busy?.current ?? 0) > 200, `global-default has ${busy?.current} of ${sum}`);
    assert.equal(levels.find(({ name }) => name === 'leader-election')?.current, 25);
  });

  test('demand rises at once and falls slowly', () => {
    const integrator = new Integrator(0);
    integrator.set(10, 0);
    const risen = nextDemand(NO_DEMAND, integrator.reset(10_000));
    assert.deepEqual(risen, { average: 10, deviation: 0, highWatermark: 10, smoothed: 10 });
    integrator.set(0, 10_000);
    const fallen = nextDemand(risen, integrator.reset(20_000));
    assert.equal(fallen.average, 0);
    assert.ok(Math.abs(fallen.smoothed - 9.77) < 1e-9);
  });
});

test('the more are refused, the longer they are told to wait, up to 32 s', () => {
  const level = new RetryAfter();
  assert.equal(level.seconds, 1);
  let most = 0;
  for (let second = 1; second <= 200; second++) {
    for (let i = 0; i < 200; i++) level.noteRejected(second * 1000);
    most = Math.max(most, level.seconds);
  }
  assert.equal(most, 32);
  for (let second = 201; second <= 300; second++) level.noteRejected(second * 2000);
  assert.equal(level.seconds, 1);
});

describe('classification', () => {
  const shipped = [...MANDATORY_SCHEMAS, ...SUGGESTED_SCHEMAS].sort(bySequence);
  const classifier = new Classifier(shipped, shipped.at(-1) as SchemaObject);
  const who = (username: string, ...groups: string[]) => ({ username, groups: [...groups, 'system:authenticated'] });
  const account = who('system:serviceaccount:kube-system:x', 'system:serviceaccounts');
  const rows: readonly (readonly [string, ReturnType<typeof who>, ReturnType<typeof request>])[] = [
    ['exempt', who('a', 'system:masters'), request('GET', '/api/v1/pods')],
    ['probes', who('a'), request('GET', '/readyz')],
    ['probes', who('a'), request('GET', '/livez/etcd')],
    ['global-default', who('a'), request('GET', '/version')],
    [
      'system-leader-election',
      who('system:kube-scheduler'),
      request('PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x'),
    ],
    ['kube-scheduler', who('system:kube-scheduler'), request('GET', '/api/v1/pods', 'watch=1')],
    ['system-node-high', who('system:node:n', 'system:nodes'), request('PATCH', '/api/v1/nodes/n/status')],
    ['system-nodes', who('system:node:n', 'system:nodes'), request('GET', '/api/v1/pods')],
    ['kube-system-service-accounts', account, request('GET', '/api/v1/pods')],
    [
      'service-accounts',
      who('system:serviceaccount:d:x', 'system:serviceaccounts'),
      request('GET', '/api/v1/namespaces/d/pods'),
    ],
    ['global-default', who('jane'), request('POST', '/api/v1/namespaces/d/pods')],
  ];
  test('every sender falls under the schema that upstream has for it, asked twice', () => {
    for (const round of [1, 2]) {
      for (const [schema, user, info] of rows) {
        assert.equal(classifier.classify(user, info).metadata.name, schema, `${user.username} ${info.path} ${round}`);
      }
    }
  });

  test('a rule of one namespace holds there only', () => {
    const schema: SchemaObject = {
      metadata: { name: 's' },
      spec: {
        priorityLevelConfiguration: { name: 'x' },
        rules: [
          {
            subjects: [{ kind: 'User', user: { name: '*' } }],
            resourceRules: [{ verbs: ['*'], apiGroups: [''], resources: ['pods'], namespaces: ['a'] }],
          },
        ],
      },
    };
    const matches = (path: string) => matchesSchema(schema, who('x'), request('GET', path));
    assert.equal(matches('/api/v1/namespaces/a/pods'), true);
    assert.equal(matches('/api/v1/namespaces/b/pods'), false);
    assert.equal(matches('/api/v1/pods'), false);
    assert.equal(matches('/api/v1/namespaces/a/pods/p/status'), false);
  });
});

test('lists take seats by their size, writes by their watchers', () => {
  const facts = {
    statsOf: () => ({ objects: 1_000, objectBytes: 500 }),
    watchersOf: () => 95,
    seatsMax: 8,
  };
  const list = request('GET', '/api/v1/pods');
  assert.equal(estimateWork(list, NO_QUERY, facts).initialSeats, 5);
  assert.equal(estimateWork(list, new URLSearchParams('limit=100'), facts).initialSeats, 1);
  assert.equal(
    estimateWork(list, NO_QUERY, { ...facts, statsOf: () => ({ objects: 1e6, objectBytes: 500 }) }).initialSeats,
    8,
  );
  const create = request('POST', '/api/v1/namespaces/d/pods');
  assert.deepEqual(estimateWork(create, NO_QUERY, facts), { initialSeats: 1, finalSeats: 8, additionalMs: 6.25 });
  const token = request('POST', '/api/v1/namespaces/d/serviceaccounts/a/token');
  assert.equal(estimateWork(token, NO_QUERY, facts).finalSeats, 0);
  const watch = request('GET', '/api/v1/pods', 'watch=1&resourceVersion=5');
  assert.equal(estimateWork(watch, new URLSearchParams('watch=1&resourceVersion=5'), facts).initialSeats, 1);
});
