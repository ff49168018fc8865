import {createHash} from 'node:crypto';
import type {BackendDefinition} from './mapping.ts';

/** A digest of what a backend is and of all its settings in any order. */
export function settingsDigest({type, settings}: Omit<BackendDefinition, 'name'>): string {
  return digestOf([type, settings]);
}

/** A digest of any JSON, in which the order of keys says nothing. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)))
      : each,
  );
}
