import type {z} from 'zod';
import {nearest} from './nearest.ts';

const types: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
};

/**
 * What zod finds wrong, said so that it goes on after the name of the key: `must be a string.` A schema's own message
 * comes before it, and should be of the same form. What the file holds is not repeated.
 */
export function sentenceOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing.';
      return `must be ${types[issue.expected] ?? issue.expected}${quotingHint(issue.expected, issue.input)}.`;
    case 'invalid_value': {
      if (issue.input === undefined) return 'is missing.';
      const words = issue.values.map((value) => JSON.stringify(value));
      const meant = typeof issue.input === 'string' ? nearest(issue.input, issue.values.map(String)) : undefined;
      const advice = meant === undefined ? '.' : `; did you mean "${meant}"?`;
      return `must be ${words.length === 1 ? '' : 'one of '}${words.join(', ')}${advice}`;
    }
    case 'too_small':
      if (issue.origin === 'string') return issue.minimum === 1 ? 'is empty.' : `is shorter than ${issue.minimum}.`;
      return issue.origin === 'array'
        ? `has fewer than ${issue.minimum} elements.`
        : `must be at least ${issue.minimum}.`;
    case 'too_big':
      if (issue.origin === 'string') return `is longer than ${issue.maximum} characters.`;
      return issue.origin === 'array'
        ? `has more than ${issue.maximum} elements.`
        : `must be at most ${issue.maximum}.`;
    case 'invalid_format':
      return `is not ${issue.format === 'url' ? 'an address' : `of the form ${issue.pattern ?? issue.format}`}.`;
    default:
      return 'is invalid.';
  }
}

/** YAML reads `1.0` and `yes` as what they look like. */
function quotingHint(expected: string, input: unknown): string {
  const unquoted = typeof input === 'number' || typeof input === 'boolean';
  return expected === 'string' && unquoted ? ': put it in quotation marks' : '';
}
