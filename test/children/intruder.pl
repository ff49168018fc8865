# A process of the user's outside the session. Reads one attack a line (words between tabs), tries it in a child of its
# own, and answers with one line: "got", a tab and what it got in hexadecimal, or "refused", a tab and the error.
#
# A word of `in-own-user-namespace` before the attack: the child has every capability in a user namespace of its own.
use strict;
use warnings;
use Fcntl;
use Socket;
require(__FILE__ =~ s{[^/]*$}{syscalls.pl}r);

our %nr;
$| = 1;

my %attacks = (
  read => sub {
    my ($path) = @_;
    my $file = opened($path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    my $all = '';
    while (length $all < 1 << 20) {
      my $count = sysread($file, my $some, 1 << 16);
      die error() . "\n" if !defined $count;
      last if $count == 0;
      $all .= $some;
    }
    return $all;
  },
  # Whether a file or device holds these bytes, wherever.
  search => sub {
    my ($path, $wanted) = @_;
    my $file = opened($path, O_RDONLY | O_NONBLOCK);
    my $before = '';
    while (1) {
      my $count = sysread($file, my $some, 1 << 20);
      die error() . "\n" if !defined $count;
      die "not in it\n" if $count == 0;
      return 'found' if index($before . $some, $wanted) >= 0;
      $before = substr $some, -length $wanted;
    }
  },
  write => sub {
    my ($path, $text) = @_;
    my $file = opened($path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    defined syswrite($file, $text) or die error() . "\n";
    return 'written';
  },
  open => sub { opened($_[0], O_RDWR | O_NONBLOCK | O_NOCTTY); return 'open for reading and writing' },
  list => sub {
    opendir(my $folder, $_[0]) or die error() . "\n";
    $! = 0;
    my @names = grep { !/^\.\.?$/ } readdir $folder;
    die error() . "\n" if $! != 0;
    return join ' ', @names;
  },
  link => sub { return readlink($_[0]) // die error() . "\n" },
  chmod => sub { chmod(oct $_[1], $_[0]) or die error() . "\n"; return 'changed' },
  rename => sub { rename($_[0], $_[1]) or die error() . "\n"; return 'renamed' },
  rmdir => sub { rmdir($_[0]) or die error() . "\n"; return 'removed' },
  mkdir => sub { mkdir($_[0], 0700) or die error() . "\n"; return 'made' },
  signal => sub { kill($_[1], $_[0]) or die error() . "\n"; return 'sent' },

  # The stack of the process, where its arguments and environment are.
  memory => sub {
    my ($pid) = @_;
    my $memory = opened("/proc/$pid/mem", O_RDONLY);
    my ($start, $size) = stack_of($pid);
    sysseek($memory, $start, 0) or die error() . "\n";
    defined sysread($memory, my $bytes, $size) or die error() . "\n";
    return $bytes;
  },
  vm_readv => sub {
    my ($pid) = @_;
    my ($start, $size) = eval { stack_of($pid) };
    ($start, $size) = (0x1000, 64) if !defined $start;
    my $buffer = "\0" x $size;
    my ($local, $remote) = (pack('PQ', $buffer, $size), pack('QQ', $start, $size));
    call('process_vm_readv', $pid + 0, $local, 1, $remote, 1, 0);
    return $buffer;
  },
  vm_writev => sub {
    my ($pid) = @_;
    my ($start) = eval { stack_of($pid) };
    my $byte = "\0";
    my ($local, $remote) = (pack('PQ', $byte, 1), pack('QQ', $start // 0x1000, 1));
    call('process_vm_writev', $pid + 0, $local, 1, $remote, 1, 0);
    return 'written';
  },
  # PTRACE_ATTACH and PTRACE_SEIZE.
  attach => sub { call('ptrace', 16, $_[0] + 0, 0, 0); return 'attached' },
  seize => sub { call('ptrace', 0x4206, $_[0] + 0, 0, 0); return 'seized' },
  getfd => sub {
    my ($pid, $number) = @_;
    my $pidfd = call('pidfd_open', $pid + 0, 0);
    my $copy = call('pidfd_getfd', $pidfd, $number + 0, 0);
    return readlink "/proc/self/fd/$copy";
  },
  # KCMP_FS: whether both have the same root.
  kcmp => sub { return 'compared: ' . call('kcmp', $$ + 0, $_[0] + 0, 3, 0, 0) },
  # Namespaces of a process through its files, or all at once through a pidfd.
  enter => sub {
    my ($pid, @kinds) = @_;
    my @namespaces = map { opened("/proc/$pid/ns/$_", O_RDONLY) } @kinds;
    call('setns', fileno($_), 0) for @namespaces;
    return 'entered';
  },
  enter_by_pidfd => sub {
    # CLONE_NEWUSER, CLONE_NEWNS
    call('setns', call('pidfd_open', $_[0] + 0, 0), 0x10000000 | 0x00020000);
    return 'entered';
  },
  perf => sub {
    # A software counter of page faults, in user space, with addresses: perf_event_attr of linux/perf_event.h.
    my $attributes = pack('LLQQQQQ', 1, 112, 2, 1, 8, 0, 1 << 5 | 1 << 6) . "\0" x 64;
    call('perf_event_open', $attributes, $_[0] + 0, -1, -1, 0);
    return 'counting';
  },
  madvise => sub {
    my $nothing = pack('QQ', 0x1000, 4096);
    # MADV_COLD
    call('process_madvise', call('pidfd_open', $_[0] + 0, 0), $nothing, 1, 20, 0);
    return 'advised';
  },
  pages => sub {
    my ($pages, $status) = (pack('Q', 0x400000), pack('l', 0));
    call('move_pages', $_[0] + 0, 1, $pages, 0, $status, 0);
    return 'told';
  },
  robust_list => sub {
    my ($head, $length) = ("\0" x 8, "\0" x 8);
    call('get_robust_list', $_[0] + 0, $head, $length);
    return 'told';
  },
  # Limits of a process: RLIMIT_CORE is 4, RLIMIT_NOFILE is 7.
  limit => sub {
    my ($pid, $which, $value) = @_;
    my $limit = pack('QQ', $value, $value);
    call('prlimit64', $pid + 0, $which + 0, $limit, 0);
    return 'set';
  },

  # TIOCSTI: a byte as if it had been typed.
  type => sub {
    my $terminal = opened($_[0], O_RDWR | O_NONBLOCK | O_NOCTTY);
    my $byte = 'x';
    ioctl($terminal, 0x5412, $byte) or die error() . "\n";
    return 'typed';
  },
  # The same, by whoever makes the terminal its own first (TIOCSCTTY).
  type_as_own => sub {
    POSIX::setsid();
    my $terminal = opened($_[0], O_RDWR | O_NONBLOCK);
    ioctl($terminal, 0x540e, 0);
    my $byte = 'x';
    ioctl($terminal, 0x5412, $byte) or die error() . "\n";
    return 'typed';
  },
  # A terminal by the open file of another process, as /proc shows it.
  reopen => sub { opened("/proc/$_[0]/fd/$_[1]", O_RDWR | O_NONBLOCK | O_NOCTTY); return 'open' },

  shared_memory => sub {
    shmread($_[0], my $bytes, 0, 64) or die error() . "\n";
    return $bytes;
  },
  semaphore => sub { return semctl($_[0], 0, 12, 0) // die error() . "\n" },
  system_v_queue => sub {
    # IPC_NOWAIT
    msgrcv($_[0], my $message, 64, 0, 04000) or die error() . "\n";
    return substr $message, 8;
  },
  posix_queue => sub {
    my $name = "$_[0]";
    my $queue = call('mq_open', $name, O_RDONLY | O_NONBLOCK, 0, 0);
    my $message = "\0" x 8192;
    my $length = call('mq_timedreceive', $queue, $message, 8192, 0, 0);
    return substr $message, 0, $length;
  },
  key => sub {
    my $payload = "\0" x 256;
    # What the user keyring holds is one's own when the session keyring leads there: KEYCTL_LINK.
    eval { call('keyctl', 8, -4, -3) };
    # KEYCTL_READ
    my $length = call('keyctl', 11, $_[0] + 0, $payload, 256);
    return substr $payload, 0, $length;
  },
  abstract_socket => sub { return heard(pack_sockaddr_un("\0$_[0]")) },
  path_socket => sub { return heard(pack_sockaddr_un($_[0])) },
  loopback => sub { return heard(pack_sockaddr_in($_[0], INADDR_LOOPBACK)) },
  device_node => sub {
    my ($path, $major, $minor) = @_;
    system('mknod', $path, 'b', $major, $minor) == 0 or die "EPERM\n";
    return 'made';
  },
  mount => sub {
    my ($from, $to) = @_;
    # MS_BIND
    call('mount', "$from", "$to", 0, 4096, 0);
    return 'mounted';
  },
  # What an inotify(7) watch on a folder tells within a second.
  watch => sub {
    my ($folder, $cue) = @_;
    my $watch = call('inotify_init1', O_NONBLOCK);
    my $path = "$folder";
    call('inotify_add_watch', $watch, $path, 0xfff);
    open(my $events, '<&=', $watch) or die error() . "\n";
    open(my $signal, '>', $cue) or die error() . "\n";
    close $signal;
    for (1 .. 10) {
      select(undef, undef, undef, 0.1);
      my $count = sysread($events, my $event, 4096);
      return 'told of an event' if $count;
    }
    die "nothing seen\n";
  },
);

sub opened {
  my ($path, $flags) = @_;
  sysopen(my $file, $path, $flags) or die error() . "\n";
  return $file;
}

sub stack_of {
  my ($pid) = @_;
  my $maps = $attacks{read}->("/proc/$pid/maps");
  $maps =~ /^([0-9a-f]+)-([0-9a-f]+) .*\[stack\]$/m or die "no stack\n";
  return (hex $1, hex($2) - hex($1));
}

sub heard {
  my ($address) = @_;
  socket(my $socket, (unpack 'S', $address)[0], SOCK_STREAM, 0) or die error() . "\n";
  connect($socket, $address) or die error() . "\n";
  defined sysread($socket, my $bytes, 256) or die error() . "\n";
  return $bytes;
}

while (my $line = <STDIN>) {
  chomp $line;
  my ($name, @words) = split /\t/, $line, -1;
  pipe(my $answer, my $say);
  my $child = fork() // die "fork: $!";
  if ($child == 0) {
    close $answer;
    alarm 10;
    my $got = eval {
      if ($name eq 'in-own-user-namespace') {
        $name = shift @words;
        # CLONE_NEWUSER
        call('unshare', 0x10000000);
      }
      my $attack = $attacks{$name} or die "no such attack: $name\n";
      $attack->(@words);
    };
    my $why = $@;
    chomp $why;
    print $say defined $got ? "got\t" . unpack('H*', $got) : "refused\t$why";
    close $say;
    POSIX::_exit(0);
  }
  close $say;
  my $said = do { local $/; <$answer> };
  waitpid $child, 0;
  print $said ne '' ? $said : "refused\tkilled by " . ($? & 127), "\n";
}
