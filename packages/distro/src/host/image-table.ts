/** Reads what `ctr images` prints, of containerd 1 and 2. */

export interface ImageRow {
  readonly name: string;
  readonly digest: string;
  /** As printed: `1.1 MiB`. */
  readonly size: string;
  readonly platforms: readonly string[];
}

/** Of `ctr images ls`: columns are as wide as their longest value. */
export function parseImageTable(text: string): readonly ImageRow[] {
  const rows: ImageRow[] = [];
  for (const line of text.split('\n').slice(1)) {
    const match = /^(\S+)\s+\S+\s+(sha256:[0-9a-f]+)\s+([\d.]+ \S+)\s+(\S+)/.exec(line);
    // containerd's CRI also keeps each image under its digest and its id: the same image again.
    if (match === null || /^sha256:|@sha256:/.test(match[1] as string)) continue;
    const [, name = '', digest = '', size = '', platforms = ''] = match;
    rows.push({ name, digest, size, platforms: platforms === '-' ? [] : platforms.split(',') });
  }
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Of `ctr images import`: `unpacking NAME (sha256:…)...done` by containerd 1, `NAME   saved` by containerd 2. */
export function importedNames(text: string): readonly string[] {
  const names = [...text.matchAll(/^unpacking (\S+) |^(\S+)\s+saved\s*$/gm)].map((match) => match[1] ?? match[2] ?? '');
  return [...new Set(names)];
}
