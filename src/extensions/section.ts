import {z} from 'zod';
import {isObject} from '../foundation/shape.ts';
import {printable} from '../foundation/printable.ts';
import {remark} from '../config/config-schema.ts';
import {sentenceOf} from '../config/schema-sentence.ts';
import type {Contributions} from '../contract/index.ts';
import {contractVersion} from './kinds.ts';

const name = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9-]*$/, {error: 'must consist of lower-case letters, digits and hyphens.'});

const pathInPackage = z.string().refine((path) => /^\.\/./.test(path) && staysBelow(path.slice(2)), {
  error: 'must be a path in the package that begins with "./" and has no other "." or "..".',
});

const folder = z.string().refine(staysBelow, {error: 'must be a relative path without "." and "..".'});

const folderOfVault = folder.refine((path) => path.split('/')[0] !== '.tazpod', {
  error: 'must not be in ".tazpod", which is TazPod’s own.',
});

/** What ends up in shell code and on terminals has no character that means something there. */
const program = z
  .string()
  .max(64)
  .regex(/^[\w][\w.+-]*$/, {error: 'must be a program name without a path.'})
  .refine((command) => command !== 'tazpod', {error: 'must not be TazPod itself.'});

const modules = z.record(name, pathInPackage).optional();

const schema: z.ZodType<Contributions> = z.strictObject({
  contract: z.literal(contractVersion),
  secretBackends: modules,
  shells: modules,
  cleanupStrategies: modules,
  bridges: z.array(z.strictObject({home: folder, vault: folderOfVault, command: program.optional()})).optional(),
  latches: z.array(z.strictObject({command: program, reason: remark.optional()})).optional(),
  defaults: pathInPackage.optional(),
}) as z.ZodType<Contributions>;

/** What a plugin's `tazpod` section is, or a sentence for each thing that is wrong with it. */
export type CheckedSection =
  {readonly contributions: Contributions} | {readonly faults: readonly [string, ...string[]]};

/** Checks a `tazpod` section. Each fault names key and value; who the plugin is stands before it. */
export function checkSection(section: unknown): CheckedSection {
  const contract = isObject(section) && section['contract'];
  if (typeof contract === 'number' && contract !== contractVersion) {
    const older = contract < contractVersion ? 'tazpod plugins update' : 'update TazPod';
    return {
      faults: [
        `it is written for contract ${contract}, and this TazPod has contract ${contractVersion}. Next: ${older}`,
      ],
    };
  }
  const result = schema.safeParse(section, {error: sentenceOf});
  if (result.success) return {contributions: result.data};
  return {faults: result.error.issues.flatMap((issue) => faultsOf(section, issue)) as [string, ...string[]]};
}

function faultsOf(section: unknown, issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `${at([...path, key])} is unknown.`);
  const value = valueAt(section, path);
  const shown = value === undefined ? '' : ` is ${printable(JSON.stringify(value), 120)}, and`;
  if (issue.code === 'invalid_key') return [`${at(path)} ${issue.issues[0]?.message ?? issue.message}`];
  return [`${at(path)}${shown} ${issue.message}`];
}

function at(path: readonly string[]): string {
  return ['tazpod', ...path.map((step) => printable(step))].join('.');
}

function valueAt(section: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, step)
        ? (value as Record<string, unknown>)[step]
        : undefined,
    section,
  );
}

/** True for a relative path of at least one step, none of them empty, `.` or `..`. */
function staysBelow(path: string): boolean {
  const steps = path.split('/');
  return !/[\p{C}\\]/u.test(path) && steps.every((step) => step !== '' && step !== '.' && step !== '..');
}
