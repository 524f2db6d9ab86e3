/** The parts of an URL that Go's url.Parse tells apart, for checks of configuration files. Pure. */

export interface GoUrl {
  readonly scheme: string;
  /** '' without one. */
  readonly userInfo: string | undefined;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

const URL_PARTS =
  /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:([^/?#]*)@)?([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#([\s\S]*))?$/;

/** Throws Error in Go's words: `parse "TEXT": why`. */
export function parseGoUrl(text: string): GoUrl {
  const fail = (why: string) => new Error(`parse ${JSON.stringify(text)}: ${why}`);
  if (/[\x00-\x1f\x7f]/.test(text)) throw fail('net/url: invalid control character in URL');
  if (text.startsWith(':')) throw fail('missing protocol scheme');
  const match = URL_PARTS.exec(text);
  if (match === null) throw fail('invalid URL');
  const [, scheme = '', userInfo, host = '', path = '', query = '', fragment = ''] = match;
  const first = path.split('/')[0] ?? '';
  if (scheme === '' && host === '' && first.includes(':')) throw fail('first path segment in URL cannot contain colon');
  if (/[ <>"]/.test(host)) throw fail(`invalid character ${JSON.stringify(/[ <>"]/.exec(host)?.[0])} in host name`);
  const port = /:([^\]]*)$/.exec(host)?.[1];
  if (port !== undefined && !/^\d*$/.test(port)) throw fail(`invalid port ${JSON.stringify(`:${port}`)} after host`);
  const badEscape = /%(?![0-9A-Fa-f]{2}).{0,2}/.exec(path)?.[0];
  if (badEscape !== undefined) throw fail(`invalid URL escape ${JSON.stringify(badEscape)}`);
  return { scheme: scheme.toLowerCase(), userInfo, host, path, query, fragment };
}
