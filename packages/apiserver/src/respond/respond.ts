/** Answers: objects, Status, plain text, with the headers that upstream sends. */
import { ApiError, errors, isReason, type Status, stringifyExactJson } from '@kapella/base';
import type { ApiResponse, ResponseStream } from '@kapella/client';
import type { Codecs } from '../codec/codecs.ts';
import { contentTypeOf, type Media } from '../http/media.ts';
import { encodeBody } from './render.ts';

const encoder = new TextEncoder();
export const JSON_MEDIA: Media = { encoding: 'json', form: 'object', pretty: false };
const NO_CACHE = 'no-cache, private';
const OBJECT_HEADERS = {
  json: { 'content-type': contentTypeOf('json'), 'cache-control': NO_CACHE },
  yaml: { 'content-type': contentTypeOf('yaml'), 'cache-control': NO_CACHE },
  protobuf: { 'content-type': contentTypeOf('protobuf'), 'cache-control': NO_CACHE },
  cbor: { 'content-type': contentTypeOf('cbor'), 'cache-control': NO_CACHE },
} as const;

export function respondBytes(status: number, media: Media, body: Uint8Array | ResponseStream): ApiResponse {
  return { status, headers: OBJECT_HEADERS[media.encoding], body };
}

export function respondJson(status: number, value: object): ApiResponse {
  return { status, headers: OBJECT_HEADERS.json, body: encoder.encode(`${stringifyExactJson(value)}\n`) };
}

export function respondText(status: number, text: string, contentType = 'text/plain; charset=utf-8'): ApiResponse {
  return {
    status,
    headers: { 'content-type': contentType, 'cache-control': NO_CACHE, 'x-content-type-options': 'nosniff' },
    body: encoder.encode(text),
  };
}

/** What a server that is full says: plain text, as upstream. */
export function respondTooMany(retryAfterSeconds: number, message = 'Too many requests, please try again later.') {
  const response = respondText(429, `${message}\n`);
  return { ...response, headers: { ...response.headers, 'retry-after': String(retryAfterSeconds) } };
}

/** A value of a built-in kind in the negotiated encoding. */
export function respondValue(codecs: Codecs, status: number, media: Media, value: object): ApiResponse {
  return respondBytes(status, media, encodeBody(codecs, value, media));
}

/** Never throws. What is no ApiError is a fault of the server and told as InternalError. */
export function respondError(codecs: Codecs, error: unknown, media: Media | undefined): ApiResponse {
  const known = toApiError(error);
  const status: Status = known.toStatus();
  const chosen = media === undefined || media.form !== 'object' ? JSON_MEDIA : media;
  const response = respondValue(codecs, known.code, chosen, status);
  const retryAfter = known.details?.retryAfterSeconds;
  return {
    ...response,
    headers: {
      ...response.headers,
      ...(retryAfter === undefined || retryAfter === 0 ? {} : { 'retry-after': String(retryAfter) }),
    },
  };
}

export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const named = error as { name?: string; message?: string };
  if (named?.name === 'SelectorError') return errors.badRequest(named.message ?? '');
  return errors.internal(error instanceof Error ? error.message : String(error), error);
}

export function methodNotAllowed(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });
}

/** Of a custom resource whose definition is being deleted. */
export function notWhileTerminating(): ApiError {
  const message = 'create not allowed while custom resource definition is terminating';
  return new ApiError('MethodNotAllowed', message, { details: {} });
}

export function isServerFault(error: unknown): boolean {
  return !(error instanceof ApiError) || isReason(error, 'InternalError');
}

/** `299 - "text"`, as RFC 7234 has it; texts are cut as upstream cuts them. */
export function warningHeader(text: string): string {
  const clean = text.replace(/[\p{Cc}]/gu, ' ').slice(0, 4096);
  return `299 - "${clean.replace(/[\\"]/g, '\\$&')}"`;
}
