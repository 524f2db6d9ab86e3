/** Bootstrap tokens: what another machine shows once to become a node. Source: kubernetes docs, bootstrap tokens. */
import { formatTime, type Random } from '@kapella/base';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

/** `abcdef.0123456789abcdef`; undefined when it is none. */
export function parseToken(text: string): BootstrapToken | undefined {
  const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text);
  return match === null ? undefined : { id: match[1] as string, secret: match[2] as string };
}

export const tokenText = ({ id, secret }: BootstrapToken): string => `${id}.${secret}`;

/** `random` must be fit for secrets. */
export function createToken(random: Random): BootstrapToken {
  return { id: letters(ID_LENGTH, random), secret: letters(SECRET_LENGTH, random) };
}

/** Bytes beyond a multiple of the alphabet's length are passed over: every letter is as likely as any other. */
function letters(length: number, random: Random): string {
  const limit = 256 - (256 % ALPHABET.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random.bytes(length)) {
      if (byte < limit && text.length < length) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}

/** The Secret that makes a token known. `ttlMs` 0 = it does not end. */
export function tokenSecret({ id, secret }: BootstrapToken, description: string, ttlMs: number, nowMs: number) {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': secret,
      ...(ttlMs === 0 ? {} : { expiration: formatTime(nowMs + ttlMs) }),
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kapella:nodes',
      description,
    },
  };
}
