import {readProcessStatus} from '../kernel/process-record.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/**
 * What sudo says to this user and this entry. `unknown`: it wants a password before it says anything, which it does
 * both to those who may and to those who may not.
 */
export type SudoAnswer = 'root already' | 'no password' | 'password' | 'unknown' | 'refused' | 'blocked' | 'absent';

export type SudoReport = {
  readonly answer: SudoAnswer;
  /** In a group that sudo's usual configuration lets do everything. */
  readonly administrator: boolean;
  readonly finding: Finding;
};

/** The groups that Debian and Ubuntu, Fedora and Arch, and old Ubuntus give everything to. */
const administrators = ['sudo', 'wheel', 'admin'];

/** Whether this user may run the entry as root. Asks for no password, and changes no cached one. */
export async function examineSudo(context: DoctorContext): Promise<SudoReport> {
  const answer = await askSudo(context);
  const administrator = answer === 'unknown' && (await isAdministrator(context));
  return {answer, administrator, finding: {id: 'sudo', title: 'sudo', ...describe(answer, administrator, context)}};
}

async function askSudo(context: DoctorContext): Promise<SudoAnswer> {
  if (context.uid === 0) return 'root already';
  if (context.findProgram('sudo') === undefined) return 'absent';
  // Set inside a ghost and in many containers; sudo could not become root with any rules.
  if (readProcessStatus('self', context.roots)?.noNewPrivileges === true) return 'blocked';
  // With --reset-timestamp a password that was typed a minute ago does not count.
  const quietly = ['--non-interactive', '--reset-timestamp', '--list'];
  const {code} = await context.run('sudo', [...quietly, '--', context.entry]);
  const rules = await context.run('sudo', quietly);
  // Only exit codes count: the words differ between sudo, sudo-rs and languages. If sudo lists its rules without a
  // password, its no was an answer; if it does not, it would have said no to everybody.
  if (code !== 0) return rules.code === 0 ? 'refused' : 'unknown';
  // The answer to the first question does not depend on whether a password is needed for the entry.
  return needsNoPassword(rules.stdout.toString(), context.entry) ? 'no password' : 'password';
}

/**
 * Whether the rules that `sudo --list` prints let the user run a program as root without a password. As in sudoers(5),
 * the last rule that fits decides, and a tag counts for the commands that follow it in its rule.
 */
export function needsNoPassword(listing: string, program: string): boolean {
  const usually = /^ {4}(?!Defaults).*!authenticate\b/m.test(listing);
  let decision = false;
  for (const line of listing.split('\n')) {
    const [, runAs, commands] = /^\s+\(([^)]*)\)\s+(.*)$/.exec(line) ?? [];
    if (runAs === undefined || commands === undefined || !/^(root|ALL|#0)\b/.test(runAs.trim())) continue;
    let passwordFree: boolean | undefined;
    for (const part of commands.split(/(?<!\\),\s*/)) {
      let command = part;
      for (let tag; (tag = /^([A-Z_]+):\s*/.exec(command)) !== null; command = command.slice(tag[0].length)) {
        if (tag[1] === 'NOPASSWD') passwordFree = true;
        if (tag[1] === 'PASSWD') passwordFree = false;
      }
      const path = command.replace(/\\(.)/g, '$1');
      const fits = command === 'ALL' || path === program || path.startsWith(`${program} `);
      if (fits) decision = passwordFree ?? usually;
    }
  }
  return decision;
}

async function isAdministrator({run}: DoctorContext): Promise<boolean> {
  const {stdout} = await run('id', ['--groups', '--name']);
  return stdout
    .toString()
    .trim()
    .split(' ')
    .some((group) => administrators.includes(group));
}

function describe(
  answer: SudoAnswer,
  administrator: boolean,
  {hasApt}: DoctorContext,
): Pick<Finding, 'verdict' | 'detail' | 'fix'> {
  const without = 'Without root the isolation is private: other processes of yours can enter the session.';
  switch (answer) {
    case 'root already':
      return {verdict: 'ok', detail: 'Running as root.'};
    case 'no password':
      return {verdict: 'ok', detail: 'You may run the privileged half of TazPod, without a password.'};
    case 'password':
      return {verdict: 'ok', detail: 'You may run the privileged half of TazPod with your password.'};
    case 'unknown':
      return administrator
        ? {verdict: 'ok', detail: 'It asks for your password; you are in a group of administrators.'}
        : {
            verdict: 'warning',
            detail: `It asks for your password before it says whether you may. ${without}`,
            fix: 'sudo --list',
          };
    case 'refused':
      return {verdict: 'warning', detail: `It does not let you run the privileged half of TazPod. ${without}`};
    case 'blocked':
      return {
        verdict: 'warning',
        detail: `No program can become root here: this process has no_new_privs, as in a ghost or a container. ${without}`,
      };
    case 'absent':
      return {
        verdict: 'warning',
        detail: `It is not installed. ${without}`,
        ...(hasApt ? {fix: 'apt-get install --yes sudo'} : {}),
      };
  }
}
