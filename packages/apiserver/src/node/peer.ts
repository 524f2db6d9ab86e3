/** What the TLS connection tells of its other end. Asked once per connection. */
import type { TLSSocket } from 'node:tls';
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

export function createPeers(): Peers {
  const known = new WeakMap<TLSSocket, Peer>();
  return {
    of(socket) {
      let peer = known.get(socket);
      if (peer === undefined) {
        peer = readPeer(socket);
        known.set(socket, peer);
      }
      return peer;
    },
  };
}

function readPeer(socket: TLSSocket): Peer {
  const address = socket.remoteAddress ?? '';
  const shown = socket.getPeerCertificate();
  if (shown === null || Object.keys(shown).length === 0)
    return { certificate: undefined, hasBadCertificate: false, address };
  if (!socket.authorized) return { certificate: undefined, hasBadCertificate: true, address };
  const { CN, O } = shown.subject as { CN?: string | string[]; O?: string | string[] };
  const organizations = O === undefined ? [] : Array.isArray(O) ? O : [O];
  const commonName = Array.isArray(CN) ? (CN.at(-1) ?? '') : (CN ?? '');
  return { certificate: { commonName, organizations }, hasBadCertificate: false, address };
}
