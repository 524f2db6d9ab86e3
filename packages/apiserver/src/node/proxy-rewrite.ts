/**
 * Pages that come through a proxy of this server: links and redirects that name the root of the backend lead back through
 * the proxy. Source: apimachinery/pkg/util/proxy/transport.go.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { posix } from 'node:path';
import { PassThrough, type Readable, pipeline, Transform } from 'node:stream';
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib';

/** Where a backend is seen through this server. */
export interface ProxyPlace {
  /** `/api/v1/namespaces/default/services/web/proxy` */
  readonly prefix: string;
  /** The host that the client asked; '' when it did not say. */
  readonly clientHost: string;
  /** `10.42.0.7:8080` */
  readonly backendHost: string;
}

/** Attributes that hold an address, by tag. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};
/** What a backend allows other sites, it allows on its own host, not on this one. */
const CORS = [
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
];
const URL_PARTS = /^([a-z][a-z0-9+.-]*:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is;

/** The same text, or where the client finds it: addresses without a host or with the backend's, and an absolute path. */
export function rewriteUrl(text: string, { prefix, clientHost, backendHost }: ProxyPlace): string {
  const [, scheme = '', host = '', path = '', rest = ''] = URL_PARTS.exec(text) ?? [];
  const isElsewhere = host !== '' && host !== backendHost && host !== clientHost;
  if (isElsewhere || !path.startsWith('/')) return text;
  const origin = host !== '' && host === clientHost ? `${scheme}//${host}` : '';
  if (path.startsWith(prefix)) return `${origin}${path}${rest}`;
  const joined = posix.join(prefix, path);
  return `${origin}${joined}${path.endsWith('/') && !joined.endsWith('/') ? '/' : ''}${rest}`;
}

export interface ProxiedAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** A redirect and an HTML page changed, everything else as it came. Memory stays bounded: it is a stream. */
export async function throughProxy(
  headers: IncomingHttpHeaders,
  body: Readable,
  place: ProxyPlace,
): Promise<ProxiedAnswer> {
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !CORS.includes(name)));
  if (headers.location) return { headers: { ...own, location: rewriteUrl(headers.location, place) }, body };
  const isPage = headers['content-type']?.split(';')[0]?.trim() === 'text/html';
  const stages = isPage ? await stagesFor(headers['content-encoding'] ?? '', place) : undefined;
  if (stages === undefined) return { headers: own, body };
  // An error of any stage reaches who reads the last one.
  const rewritten = pipeline([body, ...stages], () => {}) as unknown as Readable;
  return { headers: own, body: rewritten };
}

/** undefined: an encoding that is not understood; the page stays as it is. */
async function stagesFor(encoding: string, place: ProxyPlace): Promise<readonly Transform[] | undefined> {
  // The rewriter flows whether or not anybody listens yet: what comes after it holds its output.
  const page = [textOf(), await linkRewriter(place), new PassThrough()];
  if (encoding === '' || encoding === 'identity') return page;
  if (encoding === 'gzip') return [createGunzip(), ...page, createGzip()];
  if (encoding === 'deflate') return [createInflateRaw(), ...page, createDeflateRaw()];
  return undefined;
}

/** Bytes of UTF-8 to text, characters kept whole. */
function textOf(): Transform {
  const decoder = new TextDecoder();
  return new Transform({
    readableObjectMode: true,
    transform(chunk: Buffer, _encoding, done) {
      done(null, decoder.decode(chunk, { stream: true }));
    },
    flush(done) {
      done(null, decoder.decode());
    },
  });
}

async function linkRewriter(place: ProxyPlace): Promise<Transform> {
  // Loaded for the first page: most servers never meet one.
  const { RewritingStream } = await import('parse5-html-rewriting-stream');
  const rewriter = new RewritingStream();
  rewriter.on('startTag', (tag, raw) => {
    const names = Object.hasOwn(ADDRESSES, tag.tagName) ? ADDRESSES[tag.tagName] : undefined;
    const attrs = tag.attrs.map((attr) =>
      names?.includes(attr.name) === true ? { ...attr, value: rewriteUrl(attr.value, place) } : attr,
    );
    if (attrs.every((attr, index) => attr.value === tag.attrs[index]?.value)) rewriter.emitRaw(raw);
    else rewriter.emitStartTag({ ...tag, attrs });
  });
  return rewriter;
}
