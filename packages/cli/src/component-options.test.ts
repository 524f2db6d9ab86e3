/** What a server runs, as its user says it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from './cli-error.ts';
import { type GivenOptions, resolveOptions } from './options.ts';

const resolve = (given: GivenOptions) => resolveOptions(given, { hostName: 'host', withNode: false });

test('all roles, our controllers and no load balancers unless told otherwise', () => {
  const { roles, controllers, loadBalancer } = resolve({});
  assert.deepEqual([roles, controllers, loadBalancer], ['api,scheduler,controllers', '', 'none']);
  assert.equal(resolve({ roles: 'api' }).roles, 'api');
});

test('a server without an API is none, and an unknown role or load balancer is an error', () => {
  const isUsage = (error: unknown) => error instanceof CliError && error.family === 'Usage';
  for (const roles of ['scheduler', '', 'api,kubelet']) assert.throws(() => resolve({ roles }), isUsage, roles);
  assert.throws(() => resolve({ loadBalancer: 'metallb' }), isUsage);
});
