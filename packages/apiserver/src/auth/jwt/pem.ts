/** Whether a text holds certificates in PEM, without reading them: pure code sees no X.509. Source: client-go/util/cert/pem.go. */

const CERTIFICATE = /-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----/g;
/** DER of a SEQUENCE. */
const SEQUENCE = 0x30;

export function hasCertificates(pem: string): boolean {
  return [...pem.matchAll(CERTIFICATE)].some(([, body = '']) => {
    try {
      return atob(body.replaceAll(/\s/g, '')).charCodeAt(0) === SEQUENCE;
    } catch {
      return false;
    }
  });
}
