import {isUtf8} from 'node:buffer';
import {quotedWord} from '../../foundation/shell-word.ts';

/** Why a value cannot be written in a form, as the end of a sentence. */
export class Unfit extends Error {}

/** What a template can do to a value: each gives the whole literal, with the quotes that it needs. */
export const filters = {
  base64: (value: Buffer) => Buffer.from(value.toString('base64')),
  dotenv: (value: Buffer) => Buffer.from(dotenvLiteral(textOf(value))),
  json: (value: Buffer) => Buffer.from(jsonLiteral(textOf(value))),
  shell: shellLiteral,
  // YAML's strings between double quotes have everything that JSON's have.
  yaml: (value: Buffer) => Buffer.from(jsonLiteral(textOf(value))),
};

export type FilterName = keyof typeof filters;

export const filterNames = Object.keys(filters) as readonly FilterName[];

function textOf(value: Buffer): string {
  if (!isUtf8(value)) throw new Unfit('it is not UTF-8');
  return value.toString();
}

/** Some readers of JSON and YAML take these for ends of lines, or refuse them. */
function jsonLiteral(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * A form that docker compose, npm's dotenv, node --env-file, python-dotenv and shells all read alike: single quotes, or
 * double quotes around what has a single one. The rules are those of the plugin tazpod-dotenv.
 */
function dotenvLiteral(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  if (/[\0-\x08\v\f\r\x0e-\x1f\x7f]/.test(text)) throw new Unfit('it has a control character');
  if (!text.includes("'") && !/\\(\\|$)|\$\{/.test(text)) return `'${text}'`;
  if (!/["\\$`]/.test(text)) return `"${text}"`;
  throw new Unfit('readers of .env files disagree about every way to quote it');
}

function shellLiteral(value: Buffer): Buffer {
  if (value.includes(0)) throw new Unfit('it has a NUL');
  // As latin1, which keeps every byte.
  return Buffer.from(quotedWord(value.toString('latin1')), 'latin1');
}
