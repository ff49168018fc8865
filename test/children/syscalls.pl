# Numbers of the system calls that the attacks need and that Perl has no name for (asm/unistd.h).
use strict;
use warnings;
use Errno ();
use POSIX ();

our %nr = (POSIX::uname())[4] eq 'aarch64'
  ? (
    add_key => 217, get_robust_list => 100, inotify_add_watch => 27, inotify_init1 => 26, kcmp => 272, keyctl => 219,
    listmount => 458, mount => 40, move_pages => 239, mq_open => 180, mq_timedreceive => 183, mq_timedsend => 182,
    perf_event_open => 241, pidfd_getfd => 438, pidfd_open => 434, prlimit64 => 261, process_madvise => 440,
    process_vm_readv => 270, process_vm_writev => 271, ptrace => 117, renameat2 => 276, recvmsg => 212, sendmsg => 211, sched_setaffinity => 122, setns => 268,
    umount2 => 39, unshare => 97,
  )
  : (
    add_key => 248, get_robust_list => 274, inotify_add_watch => 254, inotify_init1 => 294, kcmp => 312, keyctl => 250,
    listmount => 458, mount => 165, move_pages => 279, mq_open => 240, mq_timedreceive => 243, mq_timedsend => 242,
    perf_event_open => 298, pidfd_getfd => 438, pidfd_open => 434, prlimit64 => 302, process_madvise => 440,
    process_vm_readv => 310, process_vm_writev => 311, ptrace => 101, renameat2 => 316, recvmsg => 47, sendmsg => 46, sched_setaffinity => 203, setns => 308,
    umount2 => 166, unshare => 272,
  );

# Calls one; dies with the name of the error, as EACCES, where the kernel refuses. What the kernel writes into an
# argument, the caller sees: they are not copied.
sub call {
  my $name = $_[0];
  my $result = syscall($nr{$name}, @_[1 .. $#_]);
  die error() . "\n" if $result == -1;
  return $result;
}

# The name of the last error.
sub error {
  for my $name (keys %!) { return $name if $!{$name} }
  return "$!";
}

1;
