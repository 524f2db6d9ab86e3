/** Services and DNS of a real cluster: nftables rules, endpoints, names. The parts share one cluster. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import { type FakeDns, startFakeDns } from '../../support/fake-dns.ts';
import { loadImages, nodeImage } from '../../support/node-image.ts';
import { addressTests } from './addresses.ts';
import { dnsTests } from './dns.ts';
import { endpointTests } from './endpoints.ts';
import { rolloutTests } from './rollout.ts';

/** Loopback is a whole network: this address is nobody else's. */
const UPSTREAM = '127.118.0.53';

let cluster: TestCluster;
let upstream: FakeDns;
let dir: string;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kapella-resolv-'));
  const resolvConf = join(dir, 'resolv.conf');
  writeFileSync(resolvConf, `nameserver ${UPSTREAM}\nsearch corp.test\noptions timeout:1\n`);
  upstream = await startFakeDns(UPSTREAM, 53, { 'db.example.test': '192.0.2.7', 'printer.corp.test': '192.0.2.9' });
  cluster = await startCluster({
    name: 't-svc',
    apiPort: 16447,
    podCidr: '10.118.0.0/16',
    serviceCidr: '10.119.0.0/16',
    args: ['--resolv-conf', resolvConf],
  });
  await loadImages(cluster, [nodeImage]);
});
after(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

describe('services', () => {
  describe('addresses, endpoints and names', { concurrency: 4 }, () => {
    addressTests(() => cluster);
    endpointTests(() => cluster);
    dnsTests(
      () => cluster,
      () => upstream,
    );
  });
  rolloutTests(() => cluster);
});
