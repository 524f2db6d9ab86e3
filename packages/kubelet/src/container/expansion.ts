/** `$(NAME)` in commands, arguments and values. Source: kubernetes third_party/forked/golang/expansion/expand.go. */

/** Known names are replaced, `$$` is one dollar, unknown names and odd syntax stay as they are. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let result = '';
  let from = 0;
  for (let at = text.indexOf('$'); at >= 0 && at + 1 < text.length; at = text.indexOf('$', from)) {
    result += text.slice(from, at);
    const next = text[at + 1];
    if (next === '(') {
      const end = text.indexOf(')', at + 2);
      if (end < 0) {
        result += '$(';
        from = at + 2;
        continue;
      }
      const name = text.slice(at + 2, end);
      result += lookup(name) ?? `$(${name})`;
      from = end + 1;
    } else {
      result += next === '$' ? '$' : `$${next}`;
      from = at + 2;
    }
  }
  return result + text.slice(from);
}
