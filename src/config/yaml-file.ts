import {isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit} from 'yaml';
import type {z} from 'zod';
import type {Failure} from '../foundation/failure.ts';
import {invalidYaml, nestedTooDeeply, tooDeep} from './failures.ts';
import {knownKeys, toJsonSchema, type YamlPath} from './json-schema.ts';
import {nearest} from './nearest.ts';
import {printable} from '../foundation/printable.ts';
import {readText} from './read-text.ts';
import {sentenceOf} from './schema-sentence.ts';

export type {YamlPath} from './json-schema.ts';

/** A place in a file. Both count from 1. */
export type Position = {readonly line: number; readonly column: number};

/** A YAML file whose content is what its schema says. */
export type YamlFile<T> = {
  readonly path: string;
  readonly value: T;
  /** Where the key of a value stands, or an element of a sequence; for what is not there, the nearest thing around it. */
  position(path: YamlPath): Position;
  /**
   * A Failure (78) about the value at a path, for what a schema cannot tell: `path:line:column: KEY SENTENCE`. The
   * sentence goes on after the name of the key: `is there twice.`
   */
  failure(path: YamlPath, sentence: string, next?: string): Failure;
};

/** How many faults one message has. */
const faultLimit = 10;

/**
 * Reads a YAML file (1.2, one document, no aliases, no tags) and checks it. An empty file is an empty mapping. Undefined
 * where there is no file. Throws a Failure (78) that tells each fault with file, line, column and key; no value of the
 * file is repeated in it, because a value may be a secret that was put in the wrong place. `next` is what each says at
 * its end.
 */
export function readYamlFile<T>(path: string, schema: z.ZodType<T>, next?: string): YamlFile<T> | undefined {
  const text = readText(path);
  return text === undefined ? undefined : parseYaml(text, path, schema, next);
}

/** As `readYamlFile`, of a text that was read already. `path` is for the messages. */
export function parseYaml<T>(text: string, path: string, schema: z.ZodType<T>, next?: string): YamlFile<T> {
  try {
    return checkYaml(text, path, schema, next);
  } catch (error) {
    // The stack has an end, which the parser mostly sees coming.
    if (error instanceof RangeError) throw nestedTooDeeply(path);
    throw error;
  }
}

function checkYaml<T>(text: string, path: string, schema: z.ZodType<T>, next?: string): YamlFile<T> {
  const document = new PositionedDocument(text, path, next);
  const result = schema.safeParse(document.value, {error: sentenceOf});
  if (result.success) {
    return {
      path,
      value: result.data,
      position: (at) => document.position(at),
      failure: (at, sentence, next) =>
        document.failure([{at: document.position(at), sentence: startWith(at, sentence)}], next),
    };
  }
  throw document.failure(result.error.issues.flatMap((issue) => document.faultsOf(issue, schema)));
}

/** A path as people write it: `plugins.allow[0].name`. */
function formatPath(path: YamlPath): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const plain = /^[\w-]+$/.test(step);
      return plain ? (index === 0 ? step : `.${step}`) : `[${JSON.stringify(printable(step))}]`;
    })
    .join('');
}

/** What the parser says in words of its own. */
const sentences: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'A second document begins here.',
  RESOURCE_EXHAUSTION: tooDeep,
};

type Fault = {readonly at: Position; readonly sentence: string};

/** A parsed document that knows where everything stands. */
class PositionedDocument {
  readonly #path: string;
  readonly #next: string | undefined;
  readonly #lines = new LineCounter();
  readonly #contents: Node | null;
  readonly value: unknown;

  constructor(text: string, path: string, next?: string) {
    this.#path = path;
    this.#next = next;
    const document = parseDocument(text, {
      ...{version: '1.2', schema: 'core', merge: false},
      ...{stringKeys: true, uniqueKeys: false, prettyErrors: false, lineCounter: this.#lines},
    });
    const faults: Fault[] = [...document.errors, ...document.warnings].map(({code, message, pos}) => ({
      at: this.#at(pos[0]),
      sentence: sentences[code] ?? asSentence(message),
    }));
    visit(document, {
      Alias: (_key, {range}) => {
        faults.push({at: this.#at(range?.[0]), sentence: 'Aliases are not supported here: write out the value.'});
      },
      // Not by the parser's own way, which takes a time that grows with the square of the number of keys.
      Map: (_key, map) => {
        const seen = new Set<unknown>();
        for (const {key} of map.items) {
          if (!isScalar(key)) continue;
          const sentence = `The key ${JSON.stringify(printable(String(key.value)))} appears twice.`;
          if (seen.has(key.value)) faults.push({at: this.#at(key.range?.[0]), sentence});
          seen.add(key.value);
        }
      },
    });
    if (faults.length > 0) throw this.failure(faults);
    this.#contents = document.contents;
    this.value = document.toJS() ?? {};
  }

  position(path: YamlPath): Position {
    return this.#at(this.#find(path).key);
  }

  /** What a fault that zod has found is for people: one for each unknown key. */
  faultsOf(issue: z.core.$ZodIssue, schema: z.ZodType): Fault[] {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(toJsonSchema(schema), path);
      return issue.keys.slice(0, faultLimit + 1).map((key) => {
        const meant = nearest(key, known);
        const advice =
          meant !== undefined ? `did you mean "${meant}"?` : `known keys: ${known.join(', ') || 'nothing'}.`;
        return {at: this.position([...path, key]), sentence: `${formatPath([...path, key])} is unknown; ${advice}`};
      });
    }
    if (issue.code === 'invalid_union') {
      // The alternative that comes nearest: the one that goes wrong deepest.
      const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(...issues.map((each) => each.path.length));
      const [best] = [...issue.errors].sort((one, other) => depth(other) - depth(one));
      if (best !== undefined && depth(best) > 0) {
        return best.flatMap((each) => this.faultsOf({...each, path: [...issue.path, ...each.path]}, schema));
      }
    }
    const {key, value} = this.#find(path);
    return [{at: this.#at(value ?? key), sentence: startWith(path, issue.message)}];
  }

  failure(faults: readonly Fault[], next = this.#next): Failure {
    const sorted = [...faults].sort(({at: one}, {at: other}) => one.line - other.line || one.column - other.column);
    const [first, ...more] = sorted.map(
      ({at, sentence}) => `${printable(this.#path, 4096)}:${at.line}:${at.column}: ${sentence}`,
    );
    const told = more.slice(0, faultLimit - 1);
    if (more.length > told.length) told.push('There are more errors.');
    return invalidYaml(first!, told, next);
  }

  #at(offset = 0): Position {
    const {line, col} = this.#lines.linePos(offset);
    // An empty file has no line.
    return {line: Math.max(1, line), column: Math.max(1, col)};
  }

  /** Where the key of a value and the value itself begin; of what is not there, the nearest thing around it. */
  #find(path: YamlPath): {readonly key?: number | undefined; readonly value?: number | undefined} {
    let node: unknown = this.#contents;
    let found = {key: this.#contents?.range?.[0], value: this.#contents?.range?.[0]};
    for (const step of path) {
      const item: unknown = isMap(node)
        ? node.items.find(({key}) => isScalar(key) && key.value === step)
        : isSeq(node)
          ? node.items[Number(step)]
          : undefined;
      if (item === undefined) return found;
      const [key, value] = isPair(item) ? [item.key, item.value] : [item, item];
      const start = (each: unknown) => (each as Node | null)?.range?.[0];
      found = {key: start(key), value: start(value)};
      node = value;
    }
    return found;
  }
}

/** A sentence about the value at a path; about the whole file where the path is empty. */
function startWith(path: YamlPath, rest: string): string {
  return path.length === 0 ? `The file ${rest}` : `${formatPath(path)} ${rest}`;
}

function asSentence(message: string): string {
  const [line = ''] = printable(message, 200).split('\n');
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
