/** What the TLS connection tells of its other end. Asked once per connection. */
import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import type { ClientCertificate } from '../auth/contract.ts';

export interface Peer {
  readonly certificate: ClientCertificate | undefined;
  /** A certificate was shown that the cluster's CA did not sign, or that has expired. */
  readonly hasBadCertificate: boolean;
  readonly address: string;
}

export interface Peers {
  of(socket: TLSSocket): Peer;
}

/** PEM of the CAs that users' and proxies' certificates come from. */
export interface PeerCas {
  readonly users: string;
  readonly proxies: string;
}

export function createPeers(cas: PeerCas): Peers {
  const roots = { users: fingerprintsOf(cas.users), proxies: fingerprintsOf(cas.proxies) };
  const known = new WeakMap<TLSSocket, Peer>();
  return {
    of(socket) {
      let peer = known.get(socket);
      if (peer === undefined) {
        peer = readPeer(socket, roots);
        known.set(socket, peer);
      }
      return peer;
    },
  };
}

type Roots = Readonly<Record<keyof PeerCas, ReadonlySet<string>>>;

function readPeer(socket: TLSSocket, roots: Roots): Peer {
  const address = socket.remoteAddress ?? '';
  const shown = socket.getPeerCertificate(roots.proxies.size > 0);
  if (shown === null || Object.keys(shown).length === 0)
    return { certificate: undefined, hasBadCertificate: false, address };
  if (!socket.authorized) return { certificate: undefined, hasBadCertificate: true, address };
  const { CN, O } = shown.subject as { CN?: string | string[]; O?: string | string[] };
  const organizations = O === undefined ? [] : Array.isArray(O) ? O : [O];
  const commonName = Array.isArray(CN) ? (CN.at(-1) ?? '') : (CN ?? '');
  const certificate = { commonName, organizations, ...standingOf(shown, roots) };
  return { certificate, hasBadCertificate: false, address };
}

/** Without proxies every certificate is a user's. */
function standingOf(shown: PeerCertificate, { users, proxies }: Roots): { isProxy?: boolean; isUser?: boolean } {
  if (proxies.size === 0) return {};
  const chain = chainOf(shown as DetailedPeerCertificate);
  const isOf = (roots: ReadonlySet<string>) => chain.some(({ fingerprint256 }) => roots.has(fingerprint256));
  return { isProxy: isOf(proxies), isUser: isOf(users) };
}

const CHAIN_MAX = 16;

function chainOf(leaf: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  let next: DetailedPeerCertificate | undefined = leaf;
  while (next !== undefined && chain.length < CHAIN_MAX && !chain.includes(next)) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function fingerprintsOf(pem: string): ReadonlySet<string> {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return new Set(blocks.map((block) => new X509Certificate(block).fingerprint256));
}
