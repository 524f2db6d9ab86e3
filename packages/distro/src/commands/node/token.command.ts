/** `kapella token`: the tokens by which other machines become nodes. */
import { readFile } from 'node:fs/promises';
import { coreV1, parseDurationMs } from '@kapella/api';
import type { Secret } from '@kapella/api/types/core-v1';
import { type Ctx, isReason, parseTime } from '@kapella/base';
import { CliError, type ClusterOptions } from '@kapella/cli';
import { type Client, createClient } from '@kapella/client';
import { createHttpsTransport } from '@kapella/client/node';
import { apiServerUrl } from '../../cluster/record.ts';
import { caCertHash } from '../../join/node/joined-credentials.ts';
import { createToken, tokenSecret, tokenText } from '../../join/token.ts';
import { primaryAddress } from '../../node-agent/node/host-address.ts';
import type { CommandInput } from './command.ts';
import { findCluster } from './find-cluster.ts';

const DAY = '24h';
const NAMESPACE = 'kube-system';
const PREFIX = 'bootstrap-token-';

export async function token(input: CommandInput, ctx: Ctx): Promise<number> {
  const [verb, id] = input.args;
  const { options } = await findCluster(input.given);
  if ((verb === 'delete') !== (id !== undefined)) {
    throw new CliError('Usage', 'token delete takes an id, the others none', 'kapella token list');
  }
  const ca = await readKey(options, 'ca.crt');
  const [cert, key] = await Promise.all([readKey(options, 'admin.crt'), readKey(options, 'admin.key')]);
  const transport = createHttpsTransport({ server: apiServerUrl(options), ca, cert, key });
  const client = createClient(transport, { userAgent: 'kapella' });
  try {
    if (verb === 'create') await create(input, options, client, ca, ctx);
    else if (verb === 'list') await list(input, client, ctx);
    else await remove(id as string, input, client, ctx);
  } finally {
    await transport.close();
  }
  return 0;
}

async function readKey({ dataDir }: ClusterOptions, name: string): Promise<string> {
  try {
    return await readFile(`${dataDir}/pki/${name}`, 'utf8');
  } catch (cause) {
    throw new CliError('Host', `${dataDir}/pki/${name} cannot be read`, 'Run it as root: sudo kapella token', cause);
  }
}

async function create(
  { flags, reporter }: CommandInput,
  options: ClusterOptions,
  client: Client,
  ca: string,
  ctx: Ctx,
): Promise<void> {
  const ttlMs = parseDurationMs(flags.get('--ttl') ?? DAY);
  if (ttlMs === undefined || ttlMs < 0)
    throw new CliError('Usage', '--ttl must be a duration', 'kapella token create --ttl 24h');
  const made = createToken(ctx.random);
  const description = flags.get('--description') ?? 'made by kapella token create';
  await client.create(coreV1.Secret, tokenSecret(made, description, ttlMs, ctx.clock.nowMs()) as never, ctx);
  const server = `https://${(await primaryAddress()) ?? '127.0.0.1'}:${options.apiPort}`;
  const hash = caCertHash(ca);
  const line = `sudo kapella node join --server ${server} --token ${tokenText(made)} --ca-cert-hash ${hash}`;
  reporter.result({ token: tokenText(made), caCertHash: hash, server }, `On the other machine:\n\n  ${line}`);
}

async function list({ reporter }: CommandInput, client: Client, ctx: Ctx): Promise<void> {
  const { items } = await client.list(
    coreV1.Secret,
    { namespace: NAMESPACE, fieldSelector: 'type=bootstrap.kubernetes.io/token' },
    ctx,
  );
  const tokens = items.map((secret) => ({
    id: textOf(secret, 'token-id'),
    expires: textOf(secret, 'expiration') || 'never',
    description: textOf(secret, 'description'),
  }));
  const alive = tokens.filter(({ expires }) => (parseTime(expires) ?? Number.POSITIVE_INFINITY) > ctx.clock.nowMs());
  const lines = alive.map(({ id, expires, description }) => `${id}  ${expires.padEnd(20)}  ${description}`);
  reporter.result({ tokens: alive }, ['ID      EXPIRES               DESCRIPTION', ...lines].join('\n'));
}

const textOf = ({ data = {} }: Secret, key: string) => Buffer.from(data[key] ?? '', 'base64').toString();

async function remove(id: string, { reporter }: CommandInput, client: Client, ctx: Ctx): Promise<void> {
  try {
    await client.delete(coreV1.Secret, { namespace: NAMESPACE, name: `${PREFIX}${id.split('.')[0]}` }, ctx);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    throw new CliError('Failed', `there is no token ${id}`, 'kapella token list', error);
  }
  reporter.result({ deleted: id }, `token ${id} is deleted`);
}
