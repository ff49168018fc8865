import mustache from 'mustache';
import {type FilterName, filterNames, filters as known, Unfit} from './template-filters.ts';
import type {Failure} from '../../foundation/failure.ts';

/** A template that was understood: texts, names, and sections that are there where a name is, or is not. */
export type Template = readonly TemplatePart[];

type TemplatePart =
  | {readonly is: 'text'; readonly bytes: Buffer}
  | {readonly is: 'value'; readonly name: string; readonly filters: readonly FilterName[]}
  | {readonly is: 'section'; readonly name: string; readonly ifThere: boolean; readonly parts: Template};

/** What mustache.js's parser gives: type, value, start, end, and the tokens of a section. */
type Token = readonly [type: string, value: string, start: number, end: number, inner?: readonly Token[]];

/**
 * Understands a mustache template: `{{NAME | json}}` goes through a filter, see `template-filters.ts`. `{{NAME}}` and `{{{NAME}}}` are the value as it is (nothing is escaped: it is not
 * HTML), `{{#NAME}}…{{/NAME}}` is there where the secret is there and not empty, `{{^NAME}}…{{/NAME}}` where it is
 * not. Partials are refused, and functions do not exist: mustache.js only parses here, and values, which are bytes,
 * never pass through it.
 */
export function parseTemplate(text: string, fail: (sentence: string) => Failure): Template {
  let tokens: readonly Token[];
  try {
    tokens = mustache.parse(text) as readonly Token[];
  } catch (error) {
    throw fail(`is not a valid mustache template: ${(error as Error).message.replace(/"[^"]*" /, '')}.`);
  }
  const convert = (each: readonly Token[]): Template =>
    each.flatMap(([type, value, , , inner]): TemplatePart[] => {
      switch (type) {
        case 'text':
          return [{is: 'text', bytes: Buffer.from(value)}];
        case 'name':
        case '&':
          return [{is: 'value', ...splitFilters(value, fail)}];
        case '#':
        case '^':
          return [{is: 'section', name: value, ifThere: type === '#', parts: convert(inner ?? [])}];
        case '!':
        case '=':
          return [];
        default:
          throw fail('has a partial ({{>…}}): partials are not supported.');
      }
    });
  return convert(tokens);
}

/** Every name that a template has a value of, or asks for. */
export function namesIn(template: Template): {readonly values: readonly string[]; readonly asked: readonly string[]} {
  const values = template.flatMap((part) =>
    part.is === 'value' ? part.name : part.is === 'section' ? namesIn(part.parts).values : [],
  );
  const asked = template.flatMap((part) => (part.is === 'section' ? [part.name, ...namesIn(part.parts).asked] : []));
  return {values: [...new Set(values)], asked: [...new Set(asked)]};
}

/** What rendering meets. */
export type RenderEvents = {
  /** A name that is not there, and leaves nothing. */
  readonly missing: (name: string) => void;
  /** A value that a filter cannot write. */
  readonly unfit: (name: string, filter: FilterName, why: string) => Failure;
  /** A value that goes in as it is, with the text around it. */
  readonly plain?: (name: string, value: Buffer, before: string, after: string) => void;
};

/** Renders with bytes. */
export function renderTemplate(
  template: Template,
  values: ReadonlyMap<string, Uint8Array>,
  {missing, unfit, plain}: RenderEvents,
): Buffer {
  const chunks: Uint8Array[] = [];
  const walk = (parts: Template) => {
    for (const [index, part] of parts.entries()) {
      if (part.is === 'text') chunks.push(part.bytes);
      else if (part.is === 'section') {
        if ((values.get(part.name)?.length ?? 0) > 0 === part.ifThere) walk(part.parts);
      } else {
        const value = values.get(part.name);
        if (value === undefined) missing(part.name);
        else if (part.filters.length > 0) chunks.push(filtered(part, value, unfit));
        else {
          plain?.(part.name, Buffer.from(value), textOf(parts[index - 1]), textOf(parts[index + 1]));
          chunks.push(value);
        }
      }
    }
  };
  walk(template);
  return Buffer.concat(chunks);
}

function filtered(
  {name, filters}: {readonly name: string; readonly filters: readonly FilterName[]},
  value: Uint8Array,
  unfit: RenderEvents['unfit'],
): Buffer {
  let bytes: Buffer = Buffer.from(value);
  for (const filter of filters) {
    try {
      bytes = known[filter](bytes);
    } catch (error) {
      throw error instanceof Unfit ? unfit(name, filter, error.message) : error;
    }
  }
  return bytes;
}

function textOf(part: TemplatePart | undefined): string {
  return part?.is === 'text' ? part.bytes.toString() : '';
}

/** `NAME | json`: what stands behind a bar must be a filter. */
function splitFilters(value: string, fail: (sentence: string) => Failure) {
  const [name, ...names] = value.split('|').map((part) => part.trim());
  const strange = names.find((each) => !(filterNames as readonly string[]).includes(each));
  if (strange !== undefined) throw fail(`has a filter that is not one of ${filterNames.join(', ')}.`);
  return {name: name!, filters: names as readonly FilterName[]};
}
