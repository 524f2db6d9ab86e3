/** Semantic versions 2.0.0. Source: semver.org. */

export interface Semver {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly prerelease: readonly string[];
}

const NUMBER = '(0|[1-9]\\d*)';
const STRICT = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-([0-9A-Za-z.-]+))?(?:\\+([0-9A-Za-z.-]+))?$`);

/** `normalize`: takes a leading v, fills missing parts with 0 and drops leading zeros. undefined: no version. */
export function parseSemver(text: string, normalize: boolean): Semver | undefined {
  const match = STRICT.exec(normalize ? normalized(text) : text);
  if (match === null) return undefined;
  const [, major = '', minor = '', patch = '', pre, build] = match;
  const prerelease = pre === undefined ? [] : pre.split('.');
  const isBad = (part: string) => part === '' || /^0\d+$/.test(part);
  if (prerelease.some(isBad) || build?.split('.').includes('') === true) return undefined;
  return { numbers: [BigInt(major), BigInt(minor), BigInt(patch)], prerelease };
}

function normalized(text: string): string {
  const [, numbers = '', rest = ''] = /^v?([0-9.]*)(.*)$/.exec(text.trim()) ?? [];
  const parts = numbers.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length < 3) parts.push('0');
  return parts.join('.') + rest;
}

export function compareSemver(a: Semver, b: Semver): number {
  for (let i = 0; i < 3; i++) {
    const [x, y] = [a.numbers[i] as bigint, b.numbers[i] as bigint];
    if (x !== y) return x < y ? -1 : 1;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return Math.sign(b.prerelease.length - a.prerelease.length);
  for (const [i, part] of a.prerelease.entries()) {
    const other = b.prerelease[i];
    if (other === undefined) return 1;
    const order = compareParts(part, other);
    if (order !== 0) return order;
  }
  return a.prerelease.length < b.prerelease.length ? -1 : 0;
}

/** Numbers below words, numbers by value. */
function compareParts(a: string, b: string): number {
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (x && y) return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0;
  if (x !== y) return x ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
