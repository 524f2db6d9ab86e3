/** `--token-auth-file`: CSV of token, user, uid, groups. Source: the documentation of static token files. */
import type { UserInfo } from '@kapella/apiserver';
import { CliError } from '@kapella/cli';

/** Throws CliError Usage with the line's number; never with what is in it. */
export function parseTokenFile(text: string, file: string): ReadonlyMap<string, UserInfo> {
  const users = new Map<string, UserInfo>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const cells = [...line.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*(?:,|$)/g)].map(
      ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? '',
    );
    const [token = '', username = '', uid = '', groups = ''] = cells;
    if (token === '' || username === '') {
      throw new CliError(
        'Usage',
        `${file}:${i + 1}: a line needs a token and a user name`,
        'Write token,user,uid,"group1,group2".',
      );
    }
    const names = groups
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    users.set(token, { username, ...(uid === '' ? {} : { uid }), groups: names });
  }
  return users;
}
