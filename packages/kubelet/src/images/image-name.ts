/** Image references. Source: distribution/reference grammar, kubernetes pkg/util/parsers. */

const DEFAULT_DOMAIN = 'docker.io';
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const NAME_MAX = 255;

export interface ImageName {
  /** `docker.io/library/nginx`, normalized. */
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** undefined = invalid. */
export function parseImageName(image: string): ImageName | undefined {
  const at = image.indexOf('@');
  const digest = at < 0 ? '' : image.slice(at + 1);
  if (at >= 0 && !DIGEST.test(digest)) return undefined;
  const tagged = at < 0 ? image : image.slice(0, at);
  const colon = tagged.lastIndexOf(':');
  const hasTag = colon > tagged.lastIndexOf('/');
  const tag = hasTag ? tagged.slice(colon + 1) : '';
  if (hasTag && !TAG.test(tag)) return undefined;
  const repository = normalizeRepository(hasTag ? tagged.slice(0, colon) : tagged);
  return repository === undefined ? undefined : { repository, tag, digest };
}

function normalizeRepository(name: string): string | undefined {
  const slash = name.indexOf('/');
  const head = slash < 0 ? '' : name.slice(0, slash);
  const hasDomain = head !== '' && (/[.:]/.test(head) || head === 'localhost' || head !== head.toLowerCase());
  const domain = hasDomain ? head : DEFAULT_DOMAIN;
  const rest = hasDomain ? name.slice(slash + 1) : name;
  const path = hasDomain || rest.includes('/') ? rest : `library/${rest}`;
  if (path.length > NAME_MAX || !PATH.test(path) || !DOMAIN.test(domain)) return undefined;
  return `${domain === 'index.docker.io' ? DEFAULT_DOMAIN : domain}/${path}`;
}

/** What the runtime is asked for: `:latest` when neither tag nor digest is said. undefined = invalid. */
export function withDefaultTag(image: string): string | undefined {
  const parsed = parseImageName(image);
  if (parsed === undefined) return undefined;
  return parsed.tag === '' && parsed.digest === '' ? `${image}:latest` : image;
}
