/** A file is told as one thing: 500 lines at most. Generated files and data do not count. */
import { sourceFiles } from './files.ts';

const LINES_MAX = 500;
const COLUMNS_MAX = 140;

export function checkFileSizes(root: string): readonly string[] {
  return sourceFiles(root)
    .filter((file) => !file.path.endsWith('.gen.ts'))
    .flatMap(({ path, text }) => {
      const lines = text.split('\n');
      const findings = lines.length > LINES_MAX ? [`${path}: ${lines.length} lines, at most ${LINES_MAX}`] : [];
      const long = lines.findIndex((line) => line.length > COLUMNS_MAX);
      if (long >= 0) findings.push(`${path}:${long + 1}: ${lines[long]?.length} columns, at most ${COLUMNS_MAX}`);
      return findings;
    });
}
