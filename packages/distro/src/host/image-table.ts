/** Reads the table that `ctr images ls` prints; its columns are as wide as their longest value. */

export interface ImageRow {
  readonly name: string;
  readonly digest: string;
  /** As printed: `1.1 MiB`. */
  readonly size: string;
  readonly platforms: readonly string[];
}

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
