/** What cert-manager does for its users, in the order that they do it. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { eventually } from '../../support/cluster.ts';
import type { Case } from '../support/cases.ts';
import type { Kubectl, Manifest } from '../support/commands.ts';
import type { BackgroundProcess } from '../support/processes.ts';

export interface CertManagerContext {
  readonly kubectl: Kubectl;
  readonly processes: readonly BackgroundProcess[];
}

type CertManagerCase = Case<CertManagerContext>;

const issuer = (name: string, spec: object, kind = 'Issuer') => ({
  apiVersion: 'cert-manager.io/v1',
  kind,
  metadata: { name, ...(kind === 'Issuer' ? { namespace: 'default' } : {}) },
  spec,
});

const certificate = (name: string, spec: object) => ({
  apiVersion: 'cert-manager.io/v1',
  kind: 'Certificate',
  metadata: { name, namespace: 'default' },
  spec: { secretName: `${name}-tls`, ...spec },
});

const READY = 'wait --for condition=Ready --timeout 45s';

async function certificateIn(kubectl: Kubectl, secret: string): Promise<X509Certificate> {
  const { data } = await kubectl.get(`secret ${secret}`);
  return new X509Certificate(Buffer.from(data?.['tls.crt'] ?? '', 'base64'));
}

const injected: CertManagerCase = {
  name: 'all three run, lead, and the CA is injected into the webhooks',
  async run({ kubectl, processes }) {
    interface Configuration {
      readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
    }
    for (const kind of ['validatingwebhookconfiguration', 'mutatingwebhookconfiguration']) {
      await eventually(`${kind} has a CA`, async () => {
        for (const process of processes) await process.check();
        const { webhooks } = await kubectl.get<Configuration>(`${kind} cert-manager-webhook`);
        return webhooks[0]?.clientConfig.caBundle !== undefined;
      });
    }
    for (const lease of ['cert-manager-controller', 'cert-manager-cainjector-leader-election'])
      await eventually(`${lease} is held`, () => kubectl(`get lease ${lease} -n cert-manager`));
  },
};

const selfSigned: CertManagerCase = {
  name: 'a self-signed Issuer gets Ready and issues a CA certificate',
  async run({ kubectl }) {
    await eventually('the webhook answers', () => kubectl.apply(issuer('self-signed', { selfSigned: {} })), 30_000);
    await kubectl(`${READY} issuer self-signed`);
    await kubectl.apply(
      certificate('root', {
        isCA: true,
        commonName: 'root',
        issuerRef: { name: 'self-signed' },
        privateKey: { algorithm: 'ECDSA' },
      }),
    );
    await kubectl(`${READY} certificate root`);
    const root = await certificateIn(kubectl, 'root-tls');
    assert.ok(root.ca);
    assert.equal(root.subject, 'CN=root');
  },
};

const byAuthority: CertManagerCase = {
  name: 'a CA Issuer gets Ready and issues what its CA has signed',
  async run({ kubectl }) {
    await kubectl.apply(issuer('authority', { ca: { secretName: 'root-tls' } }));
    await kubectl(`${READY} issuer authority`);
    await kubectl.apply(certificate('web', { dnsNames: ['web.example.com'], issuerRef: { name: 'authority' } }));
    await kubectl(`${READY} certificate web`);
    const [root, web] = [await certificateIn(kubectl, 'root-tls'), await certificateIn(kubectl, 'web-tls')];
    assert.ok(web.verify(root.publicKey));
    assert.equal(web.checkHost('web.example.com'), 'web.example.com');
    const secret = await kubectl.get<Manifest & { type: string }>('secret web-tls');
    assert.equal(secret.type, 'kubernetes.io/tls');
    assert.match(await kubectl('get certificate web'), /NAME +READY +SECRET +AGE\nweb +True +web-tls +/);
  },
};

const cluster: CertManagerCase = {
  name: 'a ClusterIssuer takes its CA from the cluster’s namespace',
  async run({ kubectl }) {
    const { data } = await kubectl.get('secret root-tls');
    const metadata = { name: 'cluster-ca', namespace: 'cert-manager' };
    await kubectl.apply(
      { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data },
      issuer('everywhere', { ca: { secretName: 'cluster-ca' } }, 'ClusterIssuer'),
    );
    await kubectl(`${READY} clusterissuer everywhere`);
    const issuerRef = { name: 'everywhere', kind: 'ClusterIssuer' };
    await kubectl.apply(certificate('wide', { dnsNames: ['wide.example.com'], issuerRef }));
    await kubectl(`${READY} certificate wide`);
  },
};

const refuses: CertManagerCase = {
  name: 'the validating webhook refuses, the mutating one says who asked',
  async run({ kubectl }) {
    const bad = certificate('bad', { dnsNames: ['x'], duration: '1m', issuerRef: { name: 'authority' } });
    await assert.rejects(
      kubectl.apply(bad),
      /admission webhook "webhook\.cert-manager\.io" denied the request: spec\.duration: Invalid value/,
    );
    const { items } = await kubectl.get<{ items: readonly Manifest[] }>('certificaterequests');
    assert.ok(items.length >= 3);
    for (const { spec } of items) {
      assert.equal(spec?.['username'], 'kubernetes-admin');
      assert.ok((spec['groups'] as string[]).includes('system:authenticated'));
    }
  },
};

const renews: CertManagerCase = {
  name: 'a certificate is issued anew when asked, and when its Secret goes',
  async run({ kubectl }) {
    const before = (await certificateIn(kubectl, 'web-tls')).serialNumber;
    const condition = { type: 'Issuing', status: 'True', reason: 'ManuallyTriggered', message: 'asked' };
    const { status } = await kubectl.get('certificate web');
    const patch = JSON.stringify({ status: { conditions: [...(status?.conditions ?? []), condition] } });
    await kubectl(`patch certificate web --subresource status --type merge -p '${patch}'`);
    const other = async (than: string) => (await certificateIn(kubectl, 'web-tls')).serialNumber !== than;
    await eventually('it is another', () => other(before), 30_000);
    await kubectl('wait --for jsonpath={.status.revision}=2 certificate web --timeout 30s');
    const second = (await certificateIn(kubectl, 'web-tls')).serialNumber;
    await kubectl('delete secret web-tls');
    await eventually('it is issued again', () => other(second), 30_000);
  },
};

const ingress: CertManagerCase = {
  name: 'an Ingress with an annotation gets its certificate',
  async run({ kubectl }) {
    const service = { name: 'web', port: { number: 80 } };
    const paths = [{ path: '/', pathType: 'Prefix', backend: { service } }];
    await kubectl.apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'shop', namespace: 'default', annotations: { 'cert-manager.io/issuer': 'authority' } },
      spec: {
        tls: [{ hosts: ['shop.example.com'], secretName: 'shop-tls' }],
        rules: [{ host: 'shop.example.com', http: { paths } }],
      },
    });
    await eventually('there is a Certificate', () => kubectl('get certificate shop-tls'), 20_000);
    await kubectl(`${READY} certificate shop-tls`);
    await kubectl('delete ingress shop');
    await kubectl('wait --for delete certificate shop-tls --timeout 30s');
  },
};

const events: CertManagerCase = {
  name: 'events tell what happened',
  async run({ kubectl }) {
    const text = await kubectl('describe certificate web');
    assert.match(
      text,
      /Events:\n[\s\S]*cert-manager-certificates-issuing +The certificate has been successfully issued/,
    );
  },
};

export const CERT_MANAGER_CASES = [injected, selfSigned, byAuthority, cluster, refuses, renews, ingress, events];
