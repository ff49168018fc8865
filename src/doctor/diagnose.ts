import {examineAliases} from './aliases.ts';
import {conclude, type Conclusion} from './conclusion.ts';
import type {DoctorContext} from './context.ts';
import {examineDeviceMapper, examineFuse, examineLoop} from './devices.ts';
import type {Finding} from './finding.ts';
import {examineExt4, examineNamespaces, examineTerminals, hasExt4} from './kernel-features.ts';
import {examineCoreDumps, examineMemory, examineSwap} from './memory.ts';
import {examineMountPoint} from './mount-point.ts';
import {examineNode} from './node.ts';
import {examinePrivilegedEntry} from './privileged-entry.ts';
import {examinePrograms} from './programs.ts';
import {examineProc} from './proc.ts';
import {examineRuntimeFolder} from './runtime-folder.ts';
import {examineSudo} from './sudo.ts';
import {sudoersFile, sudoersPath} from './sudoers.ts';
import {examineTerminal} from './terminal.ts';
import {examineTracing} from './tracing.ts';
import {examineUserNamespaces} from './user-namespaces.ts';

/** Everything that `tazpod doctor` has to say. Plain data. */
export type Diagnosis = {
  readonly findings: readonly Finding[];
  readonly conclusion: Conclusion;
  /** A rule that spares the user sudo's password; absent where it would be dangerous or of no use. */
  readonly sudoers?: SudoersAdvice;
};

export type SudoersAdvice = {
  readonly path: string;
  readonly content: string;
  /** Checks a file with that content and puts it in its place. */
  readonly install: string;
};

/** Looks at the whole machine. Changes nothing, and asks nobody. */
export async function diagnose(context: DoctorContext): Promise<Diagnosis> {
  const [programs, userNamespaces, sudo] = await Promise.all([
    examinePrograms(context),
    examineUserNamespaces(context),
    examineSudo(context),
  ]);
  const entry = await examinePrivilegedEntry(context, sudo);
  const fuse = examineFuse(context);
  const loop = examineLoop(context);
  const deviceMapper = examineDeviceMapper(context);
  const findings: Finding[] = [
    examineNode(context),
    ...programs,
    examineNamespaces(context),
    userNamespaces.finding,
    examineTerminals(context),
    fuse.finding,
    loop.finding,
    deviceMapper.finding,
    examineExt4(context),
    sudo.finding,
    entry.finding,
    examineSwap(context),
    examineMemory(context),
    examineCoreDumps(context),
    examineTracing(context),
    examineTerminal(context),
    ...examineAliases(context),
    examineRuntimeFolder(context),
    examineMountPoint(context),
    examineProc(context),
  ];
  const conclusion = conclude({
    uid: context.uid,
    sudo: sudo.answer,
    administrator: sudo.administrator,
    runnableAsRoot: entry.runnable,
    userNamespaces: userNamespaces.verdict,
    deviceMapper: deviceMapper.access,
    fuse: fuse.access,
    loop: loop.access,
    ext4: hasExt4(context),
    fuse2fs: context.findProgram('fuse2fs') !== undefined,
    missing: findings.filter(({verdict}) => verdict === 'missing').map(({title}) => title),
  });
  const useful = entry.safe && entry.runnable && ['password', 'unknown', 'refused'].includes(sudo.answer);
  const content = useful && entry.entry !== undefined ? await acceptedRule(context, entry.entry) : undefined;
  return {
    findings,
    conclusion,
    ...(content === undefined ? {} : {sudoers: {path: sudoersPath, content, install: installSudoers}}),
  };
}

/** The rule in the words that the installed sudo understands: its own visudo is asked, not its name. */
async function acceptedRule(context: DoctorContext, entry: string): Promise<string | undefined> {
  const rule = sudoersFile({...context, entry});
  if (rule === undefined) return undefined;
  const check = 'printf %s "$0" | visudo --check --file=/dev/stdin';
  const {code} = await context.run('sh', ['-c', check, rule]);
  return code === 0 ? rule : sudoersFile({...context, entry, dialect: 'common'});
}

/** A file in sudoers.d with a mistake in it would lock everybody out of sudo: it is checked before it is there. */
const installSudoers =
  'tazpod doctor --sudoers > tazpod.sudoers && sudo visudo -cf tazpod.sudoers && ' +
  `sudo install --owner=root --group=root --mode=0440 tazpod.sudoers ${sudoersPath}`;
