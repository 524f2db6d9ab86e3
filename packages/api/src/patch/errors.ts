/** Answers to patches that cannot be applied. Source: apiserver/pkg/endpoints/handlers/patch.go. */
import { ApiError, errors } from '@kapella/base';

/** 422. Upstream says no more than this to the client; `detail` goes into the cause. */
export function unprocessable(detail: string): ApiError {
  return new ApiError('Invalid', 'the server rejected our request due to an error in our request', {
    details: {},
    cause: new Error(detail),
  });
}

export function badPatch(message: string): ApiError {
  return errors.badRequest(message);
}

/** 500 with a bare message: what upstream makes of an error that it did not foresee. */
export function unexpectedPatch(message: string): ApiError {
  return new ApiError('', message, { code: 500 });
}
