import {hasDeviceMapper} from '../kernel/device-mapper.ts';
import {findKernelModule} from '../kernel/kernel-module.ts';
import {hasLoopControl} from '../kernel/loop.ts';
import {isInitialUserNamespace} from '../kernel/namespaces.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';

/** Who can use a device here: this user, only root, or nobody. */
export type Access = 'usable' | 'root only' | 'absent';

export type DeviceReport = {readonly access: Access; readonly finding: Finding};

/** /dev/fuse: without it there is no fuse engine, and no fuse2fs. */
export function examineFuse(context: DoctorContext): DeviceReport {
  const error = context.tryOpen(`${context.roots.dev}/fuse`);
  const report = (access: Access, finding: Pick<Finding, 'verdict' | 'detail' | 'fix'>): DeviceReport => ({
    access,
    finding: {id: 'fuse', title: '/dev/fuse', ...finding},
  });
  if (error === undefined) return report('usable', {verdict: 'ok', detail: 'You can open it.'});
  if (error === 'EACCES' && context.uid !== 0) {
    return report('root only', {
      verdict: 'warning',
      detail: 'Only root can open it. Sealed sessions work; private ones do not.',
      fix: 'sudo chmod 666 /dev/fuse',
    });
  }
  if (findKernelModule('fuse', context.modulesFolder) === 'loadable' && error !== 'EPERM') {
    return report('absent', {
      verdict: 'warning',
      detail: 'The kernel module is not loaded.',
      fix: asRoot(context, 'modprobe fuse'),
    });
  }
  return report('absent', {
    verdict: 'warning',
    detail:
      error === 'ENOENT'
        ? 'It does not exist. A container gets it with --device.'
        : 'You cannot open it: this container’s rules forbid it, or the kernel has no FUSE.',
    fix: 'docker run --cap-add SYS_ADMIN --device /dev/fuse …',
  });
}

/** Loop devices: with them the kernel's own ext4 mounts what the fuse engine serves. */
export function examineLoop(context: DoctorContext): DeviceReport {
  const report = (access: Access, finding: Pick<Finding, 'verdict' | 'detail' | 'fix'>): DeviceReport => ({
    access,
    finding: {id: 'loop', title: 'Loop devices', ...finding},
  });
  const error = context.tryOpen(`${context.roots.dev}/loop-control`);
  // A loop device is of no use to root of a user namespace: only real root mounts ext4.
  if (isInitialUserNamespace(context.roots) === false) {
    return report('absent', {
      verdict: 'warning',
      detail: 'The kernel does not mount ext4 in a user namespace: fuse2fs serves the vault, which is slower.',
    });
  }
  if (error === undefined) return report('usable', {verdict: 'ok', detail: 'You can use them.'});
  if (error === 'EACCES' && context.uid !== 0) {
    return report('root only', {verdict: 'ok', detail: 'Root can use them, which is enough.'});
  }
  const detail = 'No loop devices exist: fuse2fs serves the vault, which is slower.';
  const loadable = !hasLoopControl(context.roots) && findKernelModule('loop', context.modulesFolder) === 'loadable';
  return report('absent', {
    verdict: 'warning',
    detail,
    ...(loadable ? {fix: asRoot(context, 'modprobe loop')} : {}),
  });
}

/** Device-mapper with dm-crypt: the engine in the kernel. A machine without it uses the other one, and lacks nothing. */
export function examineDeviceMapper(context: DoctorContext): DeviceReport {
  const report = (access: Access, detail: string, fix?: string): DeviceReport => ({
    access,
    finding: {
      id: 'device-mapper',
      title: 'Device-mapper',
      verdict: fix === undefined ? 'ok' : 'warning',
      detail,
      ...(fix === undefined ? {} : {fix}),
    },
  });
  const module = findKernelModule('dm-mod', context.modulesFolder);
  const there = hasDeviceMapper(context.roots) || module === 'loadable';
  if (!there) return report('absent', 'This kernel does not have it; the fuse engine does not need it.');
  if (isInitialUserNamespace(context.roots) === false) {
    return report('absent', 'The kernel has it, but not for a user namespace; the fuse engine does not need it.');
  }
  // A kernel with modules says which it has; one without a module directory is asked by cryptsetup.
  if (module !== undefined && findKernelModule('dm-crypt', context.modulesFolder) === undefined) {
    return report('absent', 'The kernel has it without dm-crypt; the fuse engine needs neither of them.');
  }
  const error = context.tryOpen(`${context.roots.dev}/mapper/control`);
  // Opening the node loads the module; a node that is not there yet comes with it.
  if (error === undefined || (error === 'ENOENT' && module === 'loadable' && !hasDeviceMapper(context.roots))) {
    return context.findProgram('dmsetup') === undefined
      ? report('absent', 'The kernel has it, but dmsetup is not installed.', installDmsetup(context))
      : report(context.uid === 0 ? 'usable' : 'root only', 'The kernel has it, and dm-crypt.');
  }
  if (error === 'EACCES' && context.uid !== 0) {
    return context.findProgram('dmsetup') === undefined
      ? report('absent', 'The kernel has it, but dmsetup is not installed.', installDmsetup(context))
      : report('root only', 'The kernel has it, and dm-crypt, for root.');
  }
  return report('absent', 'The kernel has it, but this container may not use it; the fuse engine does not need it.');
}

function installDmsetup({hasApt, uid}: DoctorContext): string {
  return hasApt ? `${uid === 0 ? '' : 'sudo '}apt-get install --yes dmsetup` : 'install dmsetup';
}

function asRoot({uid}: DoctorContext, command: string): string {
  return uid === 0 ? command : `sudo ${command}`;
}
