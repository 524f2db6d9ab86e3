/** Names of addresses for PTR records. Source: RFC 1035 section 3.5, RFC 3596 section 2.5. */

/** `10.96.0.1` -> `1.0.96.10.in-addr.arpa`. */
export function reverseName(ip: string): string {
  if (!ip.includes(':')) return `${ip.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail = ''] = ip.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const middle = ip.includes('::') ? new Array<string>(8 - left.length - right.length).fill('0') : [];
  const nibbles = [...left, ...middle, ...right].map((group) => group.padStart(4, '0')).join('');
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`;
}
