/** What an explanation is: an answer in one line, what it rests on, and what would change it. */

export interface Findings {
  /** One line: what is the matter. */
  readonly answer: string;
  /** What shows it, in the order to be read. */
  readonly because: readonly string[];
  /** Rows under a heading: node by node, container by container. */
  readonly table?: Table;
  /** What a person can do; the first is the least. */
  readonly fixes: readonly string[];
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** For a person. `rowsMax`: of a long table only so many rows. */
export function renderFindings(subject: string, { answer, because, table, fixes }: Findings, rowsMax: number): string {
  const lines = [`${subject}: ${answer}`];
  if (because.length > 0) lines.push('', ...because.map((text) => `  - ${text}`));
  if (table !== undefined && table.rows.length > 0) lines.push('', ...renderTable(table, rowsMax));
  if (fixes.length > 0) lines.push('', 'What would change it:', ...fixes.map((text) => `  - ${text}`));
  return lines.join('\n');
}

function renderTable({ head, rows }: Table, rowsMax: number): string[] {
  const shown = rows.slice(0, rowsMax);
  const widths = head.map((_, i) => Math.max(...[head, ...shown].map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')}`.trimEnd();
  const rest = rows.length - shown.length;
  return [line(head), ...shown.map(line), ...(rest > 0 ? [`  … and ${rest} more: --all shows them`] : [])];
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function listed(names: readonly string[], max = 5): string {
  if (names.length <= 1) return names.join('');
  const shown = names.slice(0, max);
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(', ')} and ${rest} more`;
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
