/** Cuts Go templates into texts and actions. Source: text/template/parse/lex.go. */

export type TemplatePart = { readonly text: string } | { readonly action: readonly string[] };

const ACTION = /\{\{(-(?=\s))?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\s-\}\})[^}]|\}(?!\}))*?)(\s-)?\}\}/g;
const TOKEN =
  /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|:=|-?\d+(?:\.\d+)?|\$?(?:\.?[A-Za-z_]\w*)(?:\.[A-Za-z_]\w*)*|\$|\.|\)(?:\.[A-Za-z_]\w*)+|[|()=,])/y;

export function cutTemplate(template: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  let trimNext = false;
  const addText = (text: string, trimEnd: boolean) => {
    const head = trimNext ? text.trimStart() : text;
    const kept = trimEnd ? head.trimEnd() : head;
    if (kept !== '') parts.push({ text: kept });
  };
  for (const match of template.matchAll(ACTION)) {
    const [whole, left, body = '', right] = match;
    addText(template.slice(at, match.index), left !== undefined);
    trimNext = right !== undefined;
    at = match.index + whole.length;
    if (!body.trim().startsWith('/*')) parts.push({ action: tokenize(body) });
  }
  addText(template.slice(at), false);
  return parts;
}

function tokenize(body: string): readonly string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const length = body.trimEnd().length;
  while (TOKEN.lastIndex < length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(body);
    if (match === null) throw new Error(`template {{${body}}}: cannot read it from ${JSON.stringify(body.slice(at))}`);
    tokens.push(match[1] as string);
  }
  return tokens;
}
