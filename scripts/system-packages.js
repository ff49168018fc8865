/**
 * The system programs that TazPod runs, and the Debian package that brings each. A test holds this list against
 * the one of src/kernel/program.ts, which cannot be read before the npm packages are there.
 */
export const runtimePrograms = {
  chattr: 'e2fsprogs',
  cryptsetup: 'cryptsetup-bin',
  dmsetup: 'dmsetup',
  debugfs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  e4crypt: 'e2fsprogs',
  fallocate: 'util-linux',
  flock: 'util-linux',
  fuse2fs: 'fuse2fs',
  losetup: 'mount',
  mke2fs: 'e2fsprogs',
  mount: 'mount',
  nsenter: 'util-linux',
  prlimit: 'util-linux',
  script: 'bsdutils',
  setpriv: 'util-linux',
  umount: 'mount',
  unshare: 'util-linux',
};

/** What the tests run besides. A test that needs one more program adds it here. */
export const testPrograms = {
  busybox: 'busybox-static',
  'mkfs.btrfs': 'btrfs-progs',
  cpio: 'cpio',
  debootstrap: 'debootstrap',
  dockerd: 'docker.io',
  emacs: 'emacs-nox',
  fish: 'fish',
  git: 'git',
  gpg: 'gnupg',
  less: 'less',
  modprobe: 'kmod',
  nvim: 'neovim',
  openssl: 'openssl',
  pass: 'pass',
  'python-dotenv': 'python3-dotenv',
  'qemu-system-x86_64': 'qemu-system-x86',
  setfattr: 'attr',
  'ssh-agent': 'openssh-client',
  sshd: 'openssh-server',
  strace: 'strace',
  sudo: 'sudo',
  tmux: 'tmux',
  zsh: 'zsh',
};
