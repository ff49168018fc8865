#!/bin/sh
# Installs TazPod from the directory that this file lies in. As root, the copy belongs to root, so that vaults open
# sealed; as a user, it goes below the home.
set -eu

usage() {
  cat <<'END'
Usage: ./install.sh [--prefix DIR] [--bin DIR]
       ./install.sh --uninstall [--prefix DIR] [--bin DIR]

  --prefix DIR   where TazPod is copied to   [default: /opt/tazpod, ~/.local/lib/tazpod for a user]
  --bin DIR      where the command is linked [default: /usr/local/bin, ~/.local/bin for a user]
  --uninstall    remove both; vaults and settings stay

Manual pages and completion are linked below the directory "share" beside the one of --bin.
END
}

fail() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${2-}" ] || printf '  Next: %s\n' "$2" >&2
  exit "${3:-69}"
}

source=$(cd -- "$(dirname -- "$0")" && pwd -P)
uninstall=
if [ "$(id -u)" = 0 ]; then
  prefix=/opt/tazpod bin=/usr/local/bin
else
  prefix=${HOME:?}/.local/lib/tazpod bin=$HOME/.local/bin
fi
while [ $# -gt 0 ]; do
  case $1 in
    --prefix | --bin)
      [ $# -ge 2 ] || fail "$1 needs a directory." './install.sh --help' 64
      case $2 in /*) ;; *) fail "$1 needs an absolute path." './install.sh --help' 64 ;; esac
      if [ "$1" = --bin ]; then bin=${2%/}; else prefix=${2%/}; fi
      shift 2
      ;;
    --uninstall) uninstall=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
done
case $prefix in
  '' | /usr | /opt | /usr/local | "${HOME:-/}")
    fail "${prefix:-/} is not a directory of TazPod's own." "./install.sh --prefix $prefix/tazpod" 64
    ;;
esac
share=${bin%/*}/share

is_copy() {
  [ -f "$1/bin/tazpod-ghost" ]
}

# Removes the links to a copy, and no others.
remove_links() {
  for link in "$bin/tazpod" "$share"/man/man1/tazpod*.1 "$share/bash-completion/completions/tazpod" \
    "$share/zsh/site-functions/_tazpod" "$share/fish/vendor_completions.d/tazpod.fish"; do
    case $(readlink -- "$link" 2>/dev/null || :) in "$prefix"/*) rm -f -- "$link" ;; esac
  done
}

if [ -e "$prefix" ] && ! is_copy "$prefix"; then
  fail "$prefix is no copy of TazPod; nothing was changed." './install.sh --prefix DIR' 73
fi

if [ -n "$uninstall" ]; then
  remove_links
  rm -rf -- "$prefix" "$prefix.old" "$prefix.new"
  printf 'TazPod was removed from %s. Your vaults and settings stay.\n' "$prefix"
  exit 0
fi

[ -x "$source/bin/tazpod" ] || fail "$source has no TazPod to install." 'unpack the whole archive and run its install.sh' 66
"$source/node_modules/node/bin/node" --version >/dev/null 2>&1 ||
  fail 'The Node.js of this archive does not run here: it needs glibc 2.28 and the same processor.' 'take the archive for this machine'

# Root runs files below the prefix, so nobody else may be able to exchange one of its directories.
if [ "$(id -u)" = 0 ]; then
  directory=$prefix
  while [ "$directory" != / ]; do
    directory=$(dirname -- "$directory")
    [ -d "$directory" ] || continue
    found=$(find "$directory" -maxdepth 0 \( ! -user 0 -o -perm -0002 -o \( -perm -0020 ! -group 0 \) \) -print)
    [ -z "$found" ] || fail "Others than root can write $directory, and could exchange TazPod." './install.sh --prefix /opt/tazpod' 77
  done
fi

# A whole copy beside the old one, then two renames. A run that was killed between them has left the old copy beside its
# place; this one puts it back before it begins.
mkdir -p -- "$(dirname -- "$prefix")" "$bin"
if [ ! -e "$prefix" ] && is_copy "$prefix.old"; then mv -- "$prefix.old" "$prefix"; fi
rm -rf -- "$prefix.new" "$prefix.old"
mkdir -- "$prefix.new"
for part in "$source"/*; do
  [ "$part" = "$source/install.sh" ] || cp -R -- "$part" "$prefix.new/"
done
if [ "$(id -u)" = 0 ]; then chown -R 0:0 -- "$prefix.new"; fi
chmod -R u=rwX,go=rX -- "$prefix.new"
if [ -e "$prefix" ]; then mv -- "$prefix" "$prefix.old"; fi
mv -- "$prefix.new" "$prefix"
rm -rf -- "$prefix.old"

# The copy before may have had pages that this one has not.
remove_links
ln -sf -- "$prefix/bin/tazpod" "$bin/tazpod"
(cd -- "$prefix/share" && find . -type f) | while read -r path; do
  path=${path#./}
  # A completion of the user's own stays.
  [ -e "$share/$path" ] && continue
  mkdir -p -- "$share/${path%/*}" && ln -sf -- "$prefix/share/$path" "$share/$path"
done

printf 'TazPod is installed in %s; the command is %s.\n' "$prefix" "$bin/tazpod"
missing=
for program in cryptsetup fuse2fs mke2fs sudo unshare setpriv script losetup; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
[ -z "$missing" ] || printf 'Missing programs, to be installed from your distribution:%s\n' "$missing"
printf 'Next: %s doctor\n' "$bin/tazpod"
