export type StrictJsonLimits = {
  /** How deep objects and arrays may nest; 1 is a flat object. */
  readonly maximumDepth: number;
};

/** A string without an end reaches to the end of the text, so that nothing is looked at twice. */
const token = /"(?:[^"\\]+|\\.)*"?|[{}[\]:]/gsu;

/**
 * Parses JSON as RFC 8259 would have it between strangers: UTF-8 without errors, no key twice in one object, nested no
 * deeper than allowed. `JSON.parse` alone takes the last of two equal keys, and two readers of one text may then read
 * two things. Throws SyntaxError, whose message repeats nothing of the text.
 */
export function parseStrictJson(bytes: Uint8Array, {maximumDepth}: StrictJsonLimits): unknown {
  const text = decode(bytes);
  const open: (Set<string> | undefined)[] = [];
  let string: string | undefined;
  for (const [found] of text.matchAll(token)) {
    if (found === '{' || found === '[') {
      open.push(found === '{' ? new Set() : undefined);
      if (open.length > maximumDepth) throw new SyntaxError('nested too deep');
    } else if (found === '}' || found === ']') {
      open.pop();
    } else if (found === ':') {
      const keys = open.at(-1);
      const key = parse(string ?? '') as string;
      if (keys?.has(key)) throw new SyntaxError('a key appears twice');
      keys?.add(key);
    }
    string = found.startsWith('"') ? found : undefined;
  }
  return parse(text);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
  } catch {
    throw new SyntaxError('not UTF-8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // V8's own message quotes the text.
    throw new SyntaxError('not JSON');
  }
}
