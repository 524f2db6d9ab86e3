/** Everything of a server that is no resource. */
import { type ApiServer, createRoutes, type NonResourceRoutes } from '@kapella/apiserver';

export function standardRoutes(_api: ApiServer, _tokens: unknown): NonResourceRoutes {
  return createRoutes(new Map(), []);
}
