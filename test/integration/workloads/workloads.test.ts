/** Everything a Pod and its controllers do, on real containerd. The parts stand beside this file and share one cluster. */
import { after, before, describe } from 'node:test';
import { startCluster, type TestCluster } from '../../support/cluster.ts';
import { loadImages, nodeImage } from '../../support/node-image.ts';
import { agentApiTests } from './agent-api.ts';
import { batchTests } from './batch.ts';
import { containerTests } from './containers.ts';
import { collectionTests } from './collection.ts';
import { configTests } from './config.ts';
import { identityTests } from './identity.ts';
import { limitTests } from './limits.ts';
import { probeTests } from './probes.ts';
import { setTests } from './sets.ts';
import { storageTests } from './storage.ts';
import { terminationTests } from './termination.ts';
import { volumeTests } from './volumes.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster({
    name: 't-work',
    apiPort: 16446,
    podCidr: '10.116.0.0/16',
    serviceCidr: '10.117.0.0/16',
  });
  await loadImages(cluster, [nodeImage]);
});
after(() => cluster?.[Symbol.asyncDispose]());

// Most of the time goes by in waiting: several at once, each in a namespace of its own.
describe('workloads', { concurrency: 5 }, () => {
  const parts = [batchTests, containerTests, probeTests, configTests, volumeTests, identityTests, limitTests];
  for (const part of [...parts, agentApiTests, terminationTests, setTests, collectionTests, storageTests])
    part(() => cluster);
});
