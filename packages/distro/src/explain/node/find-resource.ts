/** From a word on the command line to a resource: plural, singular, kind or short name, with or without its group. */
import { builtInKinds, type KindRef, type UnknownObject } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';
import type { Client } from '@kapella/client';

interface ApiResource {
  readonly name: string;
  readonly singularName?: string;
  readonly shortNames?: readonly string[];
  readonly kind: string;
  readonly namespaced: boolean;
}

interface GroupList {
  readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
}

/** Asks the server when the word is no built-in kind's: custom resources have names of their own. */
export async function findResource(word: string, client: Client, ctx: Ctx): Promise<KindRef<UnknownObject>> {
  const [name = '', ...group] = word.toLowerCase().split('.');
  const wantedGroup = group.length === 0 ? undefined : group.join('.');
  const builtIn = builtInKinds.find(
    (kind) =>
      (wantedGroup === undefined || kind.group === wantedGroup) &&
      (kind.plural === name || kind.kind.toLowerCase() === name),
  );
  if (builtIn !== undefined) return builtIn as KindRef<UnknownObject>;
  const { groups } = await client.request<GroupList>('GET', '/apis', {}, ctx);
  for (const groupVersion of ['v1', ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)]) {
    const [of = '', version = ''] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion];
    if (wantedGroup !== undefined && of !== wantedGroup) continue;
    const path = of === '' ? `/api/${version}` : `/apis/${groupVersion}`;
    // A group whose server does not answer must not keep the others from being found.
    const list = await client
      .request<{ readonly resources?: readonly ApiResource[] }>('GET', path, {}, ctx)
      .catch(() => ({
        resources: [],
      }));
    const found = (list.resources ?? []).find((resource) => isCalled(resource, name));
    if (found !== undefined) {
      return { group: of, version, kind: found.kind, plural: found.name, namespaced: found.namespaced };
    }
  }
  const fix = 'kubectl api-resources lists what the server has.';
  throw new CliError('Usage', `the server has no resource ${JSON.stringify(word)}`, fix);
}

function isCalled({ name, singularName, shortNames = [], kind }: ApiResource, word: string): boolean {
  return !name.includes('/') && [name, singularName, kind.toLowerCase(), ...shortNames].includes(word);
}
