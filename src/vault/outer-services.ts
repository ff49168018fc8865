import {lstatSync, readdirSync, realpathSync} from 'node:fs';
import {isAbsolute, join, relative} from 'node:path';
import type {SharedFile} from '../lifecycle/plan.ts';
import {type ShareName, shareNames} from '../foundation/share.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A service of the login around a session: the variables that lead to it, and its sockets in XDG_RUNTIME_DIR. A session
 * gets neither unless the user shares the service. An agent outside would keep the keys that a program inside gives it,
 * and would keep them after `lock`.
 */
type Service = {
  readonly variables: readonly string[];
  /** Paths relative to XDG_RUNTIME_DIR, or absolute. */
  readonly files?: (environment: Environment, runtimeFolder: string) => readonly (string | undefined)[];
};

const services: Readonly<Record<ShareName, Service>> = {
  dbus: {
    variables: [
      'DBUS_SESSION_BUS_ADDRESS',
      'DBUS_SESSION_BUS_PID',
      'DBUS_SESSION_BUS_WINDOWID',
      'DBUS_STARTER_ADDRESS',
      'DBUS_STARTER_BUS_TYPE',
    ],
    files: ({DBUS_SESSION_BUS_ADDRESS: address}) => ['bus', /unix:path=([^,;]+)/.exec(address ?? '')?.[1]],
  },
  docker: {variables: [], files: () => ['docker.sock', 'podman/podman.sock']},
  // What an editor or a terminal program opens for the shells that it starts: commands and passwords go through it.
  editor: {
    variables: [
      'ALACRITTY_SOCKET',
      'EMACS_SERVER_FILE',
      'EMACS_SOCKET_NAME',
      'GIT_ASKPASS',
      'KITTY_LISTEN_ON',
      'NVIM',
      'NVIM_LISTEN_ADDRESS',
      'VIM_SERVERNAME',
      'VSCODE_GIT_ASKPASS_EXTRA_ARGS',
      'VSCODE_GIT_ASKPASS_MAIN',
      'VSCODE_GIT_ASKPASS_NODE',
      'VSCODE_GIT_IPC_AUTH_TOKEN',
      'VSCODE_GIT_IPC_HANDLE',
      'VSCODE_IPC_HOOK',
      'VSCODE_IPC_HOOK_CLI',
      'WEZTERM_UNIX_SOCKET',
    ],
    files: ({NVIM, NVIM_LISTEN_ADDRESS, VSCODE_GIT_IPC_HANDLE, VSCODE_IPC_HOOK, VSCODE_IPC_HOOK_CLI}) => [
      ...[NVIM, NVIM_LISTEN_ADDRESS, VSCODE_GIT_IPC_HANDLE, VSCODE_IPC_HOOK, VSCODE_IPC_HOOK_CLI],
      'emacs/server',
    ],
  },
  'gpg-agent': {
    variables: ['GPG_AGENT_INFO'],
    files: (_environment, runtimeFolder) =>
      // The default home of GnuPG has its sockets in the directory itself, each other one in a directory of its own.
      [join(runtimeFolder, 'gnupg'), ...directoriesIn(join(runtimeFolder, 'gnupg'), /^d\./)].flatMap((folder) =>
        ['S.gpg-agent', 'S.gpg-agent.ssh', 'S.keyboxd'].map((name) => join(folder, name)),
      ),
  },
  kerberos: {
    variables: ['KRB5CCNAME'],
    files: ({KRB5CCNAME: cache}) => [/^(?:FILE:)?(\/.*)$/.exec(cache ?? '')?.[1]],
  },
  keyring: {
    variables: [
      'GNOME_KEYRING_CONTROL',
      'GNOME_KEYRING_PID',
      'P11_KIT_SERVER_ADDRESS',
      'P11_KIT_SERVER_PID',
      'PAM_KWALLET5_LOGIN',
      'PAM_KWALLET_LOGIN',
    ],
    files: () => ['keyring/control', 'keyring/pkcs11', 'keyring/ssh', 'kwallet5.socket'],
  },
  pipewire: {
    variables: ['PIPEWIRE_REMOTE', 'PULSE_SERVER'],
    files: () => ['pipewire-0', 'pipewire-0-manager', 'pulse/native'],
  },
  'ssh-agent': {
    variables: ['SSH_AUTH_SOCK', 'SSH_AGENT_PID'],
    files: ({SSH_AUTH_SOCK: socket}) => [socket],
  },
  wayland: {
    variables: ['WAYLAND_DISPLAY'],
    files: ({WAYLAND_DISPLAY: display = 'wayland-0'}) => [display],
  },
  x11: {variables: [], files: ({XAUTHORITY: cookies}) => [cookies]},
};

/**
 * What hooks of a shell have noted about the directory outside (direnv, mise), and descriptors and terminals that do not
 * exist inside. With such notes a hook inside would take the directory for loaded.
 */
const neverInside = [
  'DIRENV_DIFF',
  'DIRENV_DIR',
  'DIRENV_DUMP_FILE_PATH',
  'DIRENV_FILE',
  'DIRENV_WATCHES',
  'GPG_TTY',
  'WAYLAND_SOCKET',
  '__MISE_DIFF',
  '__MISE_SESSION',
  '__MISE_WATCH',
];

/** The environment of a session: without what leads to services outside that are not shared. */
export function environmentInside(environment: Environment, shared: readonly ShareName[]): Record<string, string> {
  const dropped = new Set([
    ...neverInside,
    ...shareNames.flatMap((name) => (shared.includes(name) ? [] : services[name].variables)),
  ]);
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || dropped.has(name) ? [] : [[name, value]],
    ),
  );
}

/**
 * The files of the services that are shared, as far as they lie where the session has a directory of its own: the ghost
 * binds them through. A path elsewhere, such as that of a forwarded agent in /tmp, is there inside as well.
 */
export function sharedFiles(
  environment: Environment,
  shared: readonly ShareName[],
  uid: number = process.getuid!(),
): SharedFile[] {
  const runtimeFolder = environment['XDG_RUNTIME_DIR'] || `/run/user/${uid}`;
  const found = new Map<string, SharedFile>();
  for (const each of shared) {
    for (const named of services[each].files?.(environment, runtimeFolder) ?? []) {
      if (named === undefined || named === '') continue;
      const path = isAbsolute(named) ? named : join(runtimeFolder, named);
      const name = relative(runtimeFolder, path);
      const from = ownFile(path, uid);
      if (from !== undefined && name !== '' && !name.startsWith('..')) found.set(name, {from, name});
    }
  }
  return [...found.values()];
}

/** A socket or file of the user's, with the links to it resolved: the ghost follows none. */
function ownFile(path: string, uid: number): string | undefined {
  try {
    const real = realpathSync(path);
    const stat = lstatSync(real);
    return stat.uid === uid && (stat.isSocket() || stat.isFile()) ? real : undefined;
  } catch {
    return undefined;
  }
}

function directoriesIn(folder: string, pattern: RegExp): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
