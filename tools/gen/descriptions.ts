/**
 * Reads what the types and fields are for from the declarations of the pinned client library and writes it to
 * .cache/descriptions.json: `{ "core/v1.Pod": { "": "...", "spec": "..." } }`. A build step; the result is not checked
 * in, and a server without it only explains less.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createTypeFacts } from '../../packages/api/src/facts/index.ts';

const OUT = join(import.meta.dirname, '../../.cache/descriptions.json');
const CLASS = /\/\*\*([\s\S]*?)\*\/\s*export declare class/;
const PROPERTY = /\/\*\*([\s\S]*?)\*\/\s*'([^']+)'\??:/g;

function modelsDir(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve('@kubernetes/client-node')), 'gen/models');
}

/** Kinds that are in several groups have the group's name before their own. */
function declarationOf(dir: string, typeId: string): string | undefined {
  const [packageId = '', name = ''] = typeId.split('.');
  const [group = '', version = ''] = packageId.split('/');
  const prefix = version.toUpperCase();
  const long = `${group.charAt(0).toUpperCase()}${group.slice(1)}${prefix}${name}`;
  const path = [long, `${prefix}${name}`].map((n) => join(dir, `${n}.d.ts`)).find((p) => existsSync(p));
  return path === undefined ? undefined : readFileSync(path, 'utf8');
}

function textOf(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim()
    .replace(/\\(['"])/g, '$1');
}

/** `_default` and `x_kubernetes_list_type` are the library's spelling of names that JavaScript would not take. */
function wireName(name: string, fields: ReadonlySet<string>): string | undefined {
  const candidates = [name, name.replace(/^_/, ''), `$${name}`, name.replaceAll('_', '-')];
  return candidates.find((candidate) => fields.has(candidate));
}

function readDescriptions(): Record<string, Record<string, string>> {
  const facts = createTypeFacts();
  const dir = modelsDir();
  const all: Record<string, Record<string, string>> = {};
  for (const id of facts.ids()) {
    const text = declarationOf(dir, id);
    if (text === undefined) continue;
    const fields = new Set(facts.type(id)?.fields.map((f) => f.name));
    const own: Record<string, string> = {};
    const about = CLASS.exec(text.slice(text.indexOf('*/') + 2))?.[1];
    if (about !== undefined) own[''] = textOf(about);
    const body = text.slice(text.indexOf('export declare class'));
    for (const [, comment = '', property = ''] of body.matchAll(PROPERTY)) {
      const name = wireName(property, fields);
      if (name !== undefined) own[name] = textOf(comment);
    }
    all[id] = own;
  }
  return all;
}

const descriptions = readDescriptions();
mkdirSync(dirname(OUT), { recursive: true });
writeFileSync(OUT, JSON.stringify(descriptions));
