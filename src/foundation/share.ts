/** What a session may share with the login around it, by choice: see `src/vault/outer-services.ts`. */
export const shareNames = [
  'dbus',
  'docker',
  'editor',
  'gpg-agent',
  'kerberos',
  'keyring',
  'pipewire',
  'ssh-agent',
  'wayland',
  'x11',
] as const;

export type ShareName = (typeof shareNames)[number];
