/** The header dictionary of SPDY/3, a constant of the protocol: words with their lengths, then a tail of values. */

const WORDS =
  'options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|' +
  'age|allow|authorization|cache-control|connection|content-base|content-encoding|content-language|' +
  'content-length|content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|' +
  'host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|location|' +
  'max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|' +
  'transfer-encoding|upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|' +
  'HTTP/1.1|url|public|set-cookie|keep-alive|origin';

const TAIL =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authori' +
  'tative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not ' +
  'Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug S' +
  'ept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,imag' +
  'e/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,' +
  'sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

/** 1,423 bytes, Adler-32 0xe3c6a7c2. */
export function spdyDictionary(): Uint8Array {
  const words = WORDS.split('|');
  const length = words.reduce((sum, word) => sum + 4 + word.length, TAIL.length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const word of words) {
    view.setUint32(at, word.length);
    at = writeAscii(bytes, at + 4, word);
  }
  writeAscii(bytes, at, TAIL);
  return bytes;
}

function writeAscii(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}
