/** The client's way into a server of the same process: the same pipeline, no socket. */
import type { Ctx } from '@kapella/base';
import type { ApiRequest, ApiResponse, Transport } from '@kapella/client';
import type { UserInfo } from './resource.ts';
import type { ApiServer } from './server/server.ts';

/** Every request is made as `user`, whose rights are asked as ever. */
export function createInMemoryTransport(server: ApiServer, user: UserInfo): Transport {
  return {
    sharesChunks: true,
    request: (request: ApiRequest, ctx: Ctx): Promise<ApiResponse> => server.handle({ ...request, user }, ctx),
    close: async () => {},
  };
}
