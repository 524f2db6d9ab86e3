/** Services: addresses and ports are given, kept and given back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '@kapella/api/types/core-v1';
import type { ServerAccess } from '@kapella/apiserver';
import { type Ctx, errors, silentLogger } from '@kapella/base';
import fc from 'fast-check';
import { cells, created, createErrors, given, NOW_MS, updateErrors } from '../../testing/harness.ts';
import { clusterIpsOf, nodePortsOf } from './address-index.ts';
import { createServiceAllocator, type ServiceAllocator } from './service-allocator.ts';
import { serviceResource } from './service.resource.ts';

function seeded(seed = 1): Ctx['random'] {
  let state = seed;
  return {
    float: () => {
      state = (state * 16807) % 2147483647;
      return state / 2147483647;
    },
    bytes: (length) => new Uint8Array(length),
    uuid: () => 'uuid',
  };
}

function cluster(
  cidrs = ['10.96.0.0/24'],
  stored: readonly Service[] = [],
): { allocator: ServiceAllocator; server: ServerAccess; ctx: Ctx } {
  const allocator = createServiceAllocator({ cidrs, random: seeded() });
  const records = new Set<string>();
  const server = {
    service: () => allocator,
    follow(kind: { kind: string }, seen: (change: object) => void) {
      if (kind.kind !== 'Service') return;
      for (const one of stored) seen({ deleted: false, namespace: 'default', name: 'stored', object: () => one });
    },
    async create(_kind: object, { metadata }: { metadata: { name: string } }) {
      if (records.has(metadata.name)) throw errors.alreadyExists({ group: '', resource: 'x', name: metadata.name });
      records.add(metadata.name);
    },
    async delete(_kind: object, _namespace: string, name: string) {
      records.delete(name);
    },
  } as unknown as ServerAccess;
  const ctx = { random: seeded(), log: silentLogger } as unknown as Ctx;
  return { allocator, server, ctx };
}

const context = {
  user: { username: 'a', groups: [] },
  namespace: 'default',
  nowMs: NOW_MS,
  operation: 'create',
  subresource: '',
  dryRun: false,
};
const service = (spec: object = {}, name = 'web') =>
  given<Service>({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });

async function create(env: ReturnType<typeof cluster>, spec: object, dryRun = false): Promise<Service> {
  const object = created(serviceResource, service(spec));
  const allocated = await serviceResource.allocate?.onCreate(object, env.server, { ...context, dryRun }, env.ctx);
  return allocated?.object as Service;
}

async function update(env: ReturnType<typeof cluster>, next: Service, old: Service): Promise<Service> {
  const prepared = serviceResource.prepareForUpdate?.(
    serviceResource.withDefaults?.(next) as Service,
    old,
    context,
  ) as Service;
  const allocated = await serviceResource.allocate?.onUpdate(prepared, old, env.server, context, env.ctx);
  await allocated?.done?.();
  return allocated?.object as Service;
}

test('a plain Service gets an address of the network and the families of the cluster', async () => {
  const { spec, status } = await create(cluster(), {});
  assert.match(spec.clusterIP ?? '', /^10\.96\.0\.\d+$/);
  assert.deepEqual(spec.clusterIPs, [spec.clusterIP]);
  assert.deepEqual(spec.ipFamilies, ['IPv4']);
  assert.equal(spec.ipFamilyPolicy, 'SingleStack');
  assert.equal(spec.type, 'ClusterIP');
  assert.equal(spec.sessionAffinity, 'None');
  assert.equal(spec.internalTrafficPolicy, 'Cluster');
  assert.deepEqual(spec.ports, [{ port: 80, protocol: 'TCP', targetPort: 80 }]);
  assert.deepEqual(status, { loadBalancer: {} });
});

test('headless and ExternalName Services get none', async () => {
  const headless = await create(cluster(), { clusterIP: 'None', selector: { a: 'b' } });
  assert.deepEqual(headless.spec.clusterIPs, ['None']);
  assert.deepEqual(headless.spec.ipFamilies, ['IPv4']);
  const selectorless = await create(cluster(), { clusterIP: 'None' });
  assert.deepEqual(selectorless.spec.ipFamilies, ['IPv4', 'IPv6']);
  assert.equal(selectorless.spec.ipFamilyPolicy, 'RequireDualStack');
  const external = await create(cluster(), { type: 'ExternalName', externalName: 'example.com', ports: undefined });
  assert.equal(external.spec.clusterIP, undefined);
  assert.equal(external.spec.ipFamilies, undefined);
});

test('a chosen address is taken once and must be of the network', async () => {
  const env = cluster();
  assert.equal((await create(env, { clusterIP: '10.96.0.10' })).spec.clusterIP, '10.96.0.10');
  await assert.rejects(create(env, { clusterIP: '10.96.0.10' }), {
    message:
      'Service "web" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP ' +
      '10.96.0.10: provided IP is already allocated',
  });
  await assert.rejects(create(env, { clusterIP: '10.1.0.1' }), {
    message:
      'Service "web" is invalid: spec.clusterIPs: Invalid value: ["10.1.0.1"]: failed to allocate IP 10.1.0.1: ' +
      'the provided network does not match the current range',
  });
});

test('node ports are given, kept over types and given back', async () => {
  const env = cluster();
  const first = await create(env, {
    type: 'NodePort',
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 443, nodePort: 30443 },
    ],
  });
  const [drawn, chosen] = nodePortsOf(first);
  assert.ok(drawn !== undefined && drawn >= 30000 && drawn <= 32767);
  assert.equal(chosen, 30443);
  await assert.rejects(create(env, { type: 'NodePort', ports: [{ port: 80, nodePort: 30443 }] }), {
    message:
      'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30443: provided port is already allocated',
  });
  await assert.rejects(create(env, { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }), {
    message:
      'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid ' +
      'range. The range of valid ports is 30000-32767',
  });
  const same = service({
    type: 'NodePort',
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 444 },
    ],
  });
  assert.deepEqual(nodePortsOf(await update(env, same, first)), [drawn, chosen]);
  const inner = await update(env, { ...first, spec: { ...first.spec, type: 'ClusterIP' } }, first);
  assert.deepEqual(nodePortsOf(inner), []);
  assert.equal(inner.spec.clusterIP, first.spec.clusterIP);
  assert.equal(inner.spec.externalTrafficPolicy, undefined);
  await create(env, { type: 'NodePort', ports: [{ port: 80, nodePort: 30443 }] });
});

test('TCP and UDP of one port share a node port', async () => {
  const ports = [
    { name: 't', port: 53 },
    { name: 'u', port: 53, protocol: 'UDP' },
  ];
  const { spec } = await create(cluster(), { type: 'NodePort', ports });
  assert.equal(spec.ports?.[0]?.nodePort, spec.ports?.[1]?.nodePort);
});

test('a dry run takes nothing', async () => {
  const env = cluster();
  await create(env, { clusterIP: '10.96.0.9' }, true);
  await create(env, { clusterIP: '10.96.0.9' });
});

test('the allocator knows what is stored', async () => {
  const stored = service({
    type: 'NodePort',
    clusterIP: '10.96.0.5',
    clusterIPs: ['10.96.0.5'],
    ports: [{ port: 1, nodePort: 30001 }],
  });
  await assert.rejects(create(cluster(undefined, [stored]), { clusterIP: '10.96.0.5' }), /already allocated/);
});

test('no address is given twice, and all come back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), async (steps) => {
      const env = cluster(['10.0.0.0/28']);
      const live: Service[] = [];
      for (const add of steps) {
        if (!add) {
          const gone = live.shift();
          if (gone !== undefined) await serviceResource.allocate?.onDelete(gone, env.server, env.ctx);
        } else if (live.length < 14) live.push(await create(env, { type: 'NodePort' }));
        else await assert.rejects(create(env, {}), /failed to allocate a serviceIP: range is full/);
        const ips = live.flatMap(clusterIpsOf);
        const ports = live.flatMap(nodePortsOf);
        assert.equal(new Set(ips).size, ips.length);
        assert.equal(new Set(ports).size, ports.length);
        assert.ok(!ips.includes('10.0.0.0') && !ips.includes('10.0.0.15'));
      }
    }),
    { numRuns: 50 },
  );
});

test('upstream wording', () => {
  const bad = service({
    type: 'Web',
    ports: [{ port: 0 }, { port: 80, protocol: 'X' }],
    sessionAffinity: 'Maybe',
    selector: { '': 'x' },
  });
  assert.deepEqual(
    createErrors(serviceResource, bad).filter((text) => !text.startsWith('spec.selector')),
    [
      'spec.ports[0].name: Required value',
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[1].name: Required value',
      'spec.ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
      'spec.sessionAffinity: Unsupported value: "Maybe": supported values: "ClientIP", "None"',
      'spec.type: Unsupported value: "Web": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
  );
  const old = service({ clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'] });
  const moved = { ...old, spec: { ...old.spec, clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] } };
  assert.deepEqual(updateErrors(serviceResource, moved, old), [
    'spec.clusterIPs[0]: Invalid value: ["10.96.0.2"]: may not change once set',
  ]);
});

test('the row of a Service', () => {
  const ports = [
    { port: 80, nodePort: 30080, protocol: 'TCP' },
    { port: 53, protocol: 'UDP' },
  ];
  const balanced = service({ type: 'LoadBalancer', clusterIPs: ['10.96.0.1'], ports, selector: { b: '2', a: '1' } });
  assert.deepEqual(cells(serviceResource, balanced), [
    'web',
    'LoadBalancer',
    '10.96.0.1',
    '<pending>',
    '80:30080/TCP,53/UDP',
    '24h',
    'a=1,b=2',
  ]);
});
