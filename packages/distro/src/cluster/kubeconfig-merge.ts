/** One cluster's entries in a kubeconfig that also holds others: put in and taken out, all else left as it is written. */
import { type Document, isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';

const LISTS = ['clusters', 'users', 'contexts'] as const;

/** `entry`: a kubeconfig with one cluster, user and context, all called `name`. Throws when `text` is no kubeconfig. */
export function mergeKubeconfig(text: string, entry: string, name: string): string {
  const file = openFile(text);
  const ours = parseDocument(entry);
  for (const list of LISTS) {
    const item = findItem(ours, list, name);
    if (item === undefined) throw new Error(`the cluster's kubeconfig has no ${list} entry ${name}`);
    const target = file.get(list);
    if (!isSeq(target)) file.set(list, file.createNode([]));
    dropItem(file, list, name);
    (file.get(list) as YAMLSeq).add(item);
  }
  if (!file.get('current-context')) file.set('current-context', name);
  return file.toString({ lineWidth: 0 });
}

/** Undefined when nothing is left that anyone could use. */
export function removeFromKubeconfig(text: string, name: string): string | undefined {
  const file = openFile(text);
  for (const list of LISTS) dropItem(file, list, name);
  if (LISTS.every((list) => isSeq(file.get(list)) && (file.get(list) as YAMLSeq).items.length === 0)) return undefined;
  if (file.get('current-context') === name) file.set('current-context', '');
  return file.toString({ lineWidth: 0 });
}

function openFile(text: string): Document {
  const document: Document = parseDocument(text.trim() === '' ? 'apiVersion: v1\nkind: Config\n' : text);
  const [broken] = document.errors;
  if (broken !== undefined) throw new Error(`it is no valid YAML: ${broken.message.split('\n')[0]}`);
  if (!isMap(document.contents) || document.get('kind') !== 'Config') throw new Error('it is no kubeconfig');
  return document;
}

function findItem(document: Document, list: string, name: string): YAMLMap | undefined {
  const items = document.get(list);
  if (!isSeq(items)) return undefined;
  return items.items.find((item): item is YAMLMap => isMap(item) && item.get('name') === name);
}

function dropItem(document: Document, list: string, name: string): void {
  const items = document.get(list);
  if (isSeq(items)) items.items = items.items.filter((item) => !isMap(item) || item.get('name') !== name);
}
