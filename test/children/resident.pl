# A process with a secret: what the attacks are about. It works in the folder of the vault and has the secret (of its
# environment, SECRET) in memory, in a file that it keeps open, and in every kind of shared thing that programs use.
# It says on one line where all that is, and stays.
use strict;
use warnings;
use Fcntl;
use Socket;
require(__FILE__ =~ s{[^/]*$}{syscalls.pl}r);

my ($name, $vault) = @ARGV;
my $secret = $ENV{SECRET};
$| = 1;

chdir $vault or die "chdir: $!";
wrote("$vault/token");
open(my $kept, '<', "$vault/token") or die $!;

wrote("/dev/shm/$name");
chomp(my $temporary = `mktemp`);
wrote($temporary);

# IPC_PRIVATE, for the user alone.
my $shared_memory = shmget(0, 4096, 0600) // die $!;
shmwrite($shared_memory, $secret, 0, length $secret) or die $!;
my $semaphore = semget(0, 1, 0600) // die $!;
my $system_v_queue = msgget(0, 0600) // die $!;
msgsnd($system_v_queue, pack('l! a*', 1, $secret), 0) or die $!;
my $posix_queue = $name;
my $queue = call('mq_open', $posix_queue, O_RDWR | O_CREAT, 0600, 0);
call('mq_timedsend', $queue, "$secret", length $secret, 0, 0);

# KEY_SPEC_SESSION_KEYRING and KEY_SPEC_USER_KEYRING.
my $session_key = key(-3);
my $user_key = key(-4);

my $path_socket = ($ENV{TMPDIR} // '/tmp') . "/$name.socket";
my @listening = (
  listening(AF_UNIX, pack_sockaddr_un($path_socket)),
  listening(AF_UNIX, pack_sockaddr_un("\0$name")),
  listening(AF_INET, pack_sockaddr_in(0, INADDR_LOOPBACK)),
);
my ($port) = unpack_sockaddr_in(getsockname $listening[2]);

print join(' ', 'resident', "shared_memory=$shared_memory", "semaphore=$semaphore", "system_v_queue=$system_v_queue",
  "posix_queue=$posix_queue", "session_key=$session_key", "user_key=$user_key", "temporary=$temporary",
  "path_socket=$path_socket", "port=$port", 'kept=' . fileno $kept), "\n";

while (1) {
  my $ready = '';
  vec($ready, fileno $_, 1) = 1 for @listening;
  select($ready, undef, undef, undef) > 0 or next;
  for my $socket (@listening) {
    next if !vec($ready, fileno $socket, 1);
    accept(my $guest, $socket) or next;
    syswrite($guest, $secret);
  }
}

sub wrote {
  my ($path) = @_;
  open(my $file, '>', $path) or die "$path: $!";
  print $file $secret;
  close $file;
}

sub key {
  my ($keyring) = @_;
  my ($type, $description, $payload) = ('user', "$name$keyring", "$secret");
  return call('add_key', $type, $description, $payload, length $payload, $keyring);
}

sub listening {
  my ($family, $address) = @_;
  socket(my $socket, $family, SOCK_STREAM, 0) or die $!;
  bind($socket, $address) or die "bind: $!";
  listen($socket, 5) or die $!;
  return $socket;
}
