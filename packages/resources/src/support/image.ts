/** What an image reference says. Source: distribution/reference as used by kubernetes pkg/util/parsers. */

const DOMAIN =
  '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?';
const PATH = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const TAG = '[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}';
const DIGEST = '@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(?:${DOMAIN}/)?${PATH}(?:/${PATH})*(?::(${TAG}))?(${DIGEST})?$`);

/** `latest` when neither tag nor digest is given; '' for a digest alone or a reference that does not parse. */
export function imageTag(reference: string): string {
  if (reference.length > 1024) return '';
  const match = REFERENCE.exec(reference);
  if (match === null) return '';
  return match[1] ?? (match[2] === undefined ? 'latest' : '');
}

export function defaultPullPolicy(reference: string): 'Always' | 'IfNotPresent' {
  return imageTag(reference) === 'latest' ? 'Always' : 'IfNotPresent';
}
