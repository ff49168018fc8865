import type {UserNamespaceVerdict} from '../kernel/namespaces.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** Why it is refused, and the command that allows it. A sealed session needs none of these changes. */
const refusals: Readonly<Record<Exclude<UserNamespaceVerdict, 'allowed'>, {detail: string; fix?: string}>> = {
  unsupported: {detail: 'The kernel was built without user namespaces.'},
  max_user_namespaces: {
    detail: 'The sysctl user.max_user_namespaces is 0, which forbids them to everyone.',
    fix: 'sudo sysctl -w user.max_user_namespaces=10000',
  },
  unprivileged_userns_clone: {
    detail: 'The sysctl kernel.unprivileged_userns_clone is 0, which reserves them for root.',
    fix: 'sudo sysctl -w kernel.unprivileged_userns_clone=1',
  },
  apparmor: {
    detail: 'AppArmor allows them only for programs with a profile (kernel.apparmor_restrict_unprivileged_userns).',
    fix: 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  },
  unknown: {
    detail: 'The kernel refuses them, usually because of a container’s seccomp or AppArmor profile.',
    fix: 'docker run --cap-add SYS_ADMIN --security-opt apparmor=unconfined …',
  },
  'no unshare(1)': {detail: 'TazPod cannot test them: unshare(1) is not installed.'},
};

export type UserNamespaceReport = {readonly verdict: UserNamespaceVerdict; readonly finding: Finding};

/** Whether this user may make user namespaces: every private session needs one, and root makes one to seal. */
export async function examineUserNamespaces(context: DoctorContext): Promise<UserNamespaceReport> {
  const verdict = await context.probeUserNamespace();
  const finding = {id: 'user-namespaces', title: 'User namespaces'} as const;
  if (verdict === 'allowed') {
    return {
      verdict,
      finding: {...finding, verdict: 'ok', detail: 'TazPod can create one, and mounts in it.'},
    };
  }
  const {detail, fix} = refusals[verdict];
  const root = context.uid === 0;
  const consequence = root ? 'Sealed sessions need one.' : 'Only private sessions need them.';
  return {
    verdict,
    finding: {
      ...finding,
      verdict: root ? 'missing' : 'warning',
      detail: `${detail} ${consequence}`,
      ...(fix === undefined ? {} : {fix: root ? fix.replace(/^sudo /, '') : fix}),
    },
  };
}
