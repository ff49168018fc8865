import type {EnvironmentFile} from '../environment/environment-files.ts';
import {digestWith, type PulledFile, type PulledVariable} from './record.ts';

/** What a pull wants in the vault. The caller wipes the bytes. */
export type NewFile = {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
  readonly secrets: readonly string[];
};

export type NewVariable = {readonly name: string; readonly value: Uint8Array; readonly secrets: readonly string[]};

export type NewSet = {
  readonly pulled: string;
  readonly source: string;
  readonly profile?: string;
  readonly files: readonly NewFile[];
  readonly variables: readonly NewVariable[];
  /** The variables as files. */
  readonly environment: readonly EnvironmentFile[];
  /** What the stores answered, by a name for each folder of theirs. */
  readonly answers: readonly {readonly key: string; readonly bytes: Uint8Array}[];
};

/** A set as a record has it. */
export type Described = {readonly files: readonly PulledFile[]; readonly variables: readonly PulledVariable[]};

export function describeSet({files, variables}: NewSet, salt: string): Described {
  return {
    files: files.map(({path, mode, bytes, secrets}) => ({
      path,
      mode,
      sizeBytes: bytes.length,
      digest: digestWith(salt, bytes),
      secrets,
    })),
    variables: variables.map(({name, value, secrets}) => ({
      name,
      sizeBytes: value.length,
      digest: digestWith(salt, value),
      secrets,
    })),
  };
}
