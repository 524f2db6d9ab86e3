/** Adding a thing is one folder plus one row: each folder's main file is in its table, and is tested. */
import { sourceFiles } from './files.ts';

/** Main files of a kind of thing, and the table that must name each. */
const TABLES: readonly { readonly pattern: RegExp; readonly table: string }[] = [
  { pattern: /^packages\/resources\/src\/.*\/([a-z0-9-]+)\.resource\.ts$/, table: 'packages/resources/src/' },
  {
    pattern: /^packages\/controllers\/src\/.*\/([a-z0-9-]+)\.controller\.ts$/,
    table: 'packages/controllers/src/index.ts',
  },
  {
    pattern: /^packages\/scheduler\/src\/plugins\/.*\/([a-z0-9-]+)\.plugin\.ts$/,
    table: 'packages/scheduler/src/plugins/index.ts',
  },
  { pattern: /^packages\/admission\/src\/plugins\/.*\/([a-z0-9-]+)\.plugin\.ts$/, table: 'packages/admission/src/' },
  { pattern: /^packages\/dns\/src\/plugins\/.*\/([a-z0-9-]+)\.plugin\.ts$/, table: 'packages/dns/src/' },
];

export function checkExtensionFolders(root: string): readonly string[] {
  const files = sourceFiles(root);
  return TABLES.flatMap(({ pattern, table }) => {
    const rows = files.filter((file) => file.path.startsWith(table) && file.path.endsWith('index.ts'));
    return files
      .filter((file) => pattern.test(file.path))
      .filter((file) => !rows.some((row) => row.text.includes(`/${file.path.split('/').at(-1)}'`)))
      .map((file) => `${file.path}: has no row in ${table}`);
  });
}
