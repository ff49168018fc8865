# Hands an open file from one process to another: `take SOCKET` waits for one and keeps it, `give SOCKET FILE` gives one.
use strict;
use warnings;
use Socket;
require(__FILE__ =~ s{[^/]*$}{syscalls.pl}r);

my ($what, $path, $file) = @ARGV;
$| = 1;
socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die $!;

# struct msghdr with one byte of data, and as control data a struct cmsghdr: SOL_SOCKET, SCM_RIGHTS, a descriptor.
my $byte = 'x';
my $data = pack('PQ', $byte, 1);

if ($what eq 'take') {
  bind($socket, pack_sockaddr_un($path)) or die $!;
  listen($socket, 1) or die $!;
  accept(my $giver, $socket) or die $!;
  my $control = "\0" x 64;
  my $message = pack('Q L x4 P Q P Q L x4', 0, 0, $data, 1, $control, 64, 0);
  call('recvmsg', fileno $giver, $message, 0);
  my (undef, undef, undef, $number) = unpack('Q l l l', $control);
  print 'taken: ', readlink "/proc/self/fd/$number", "\n";
  sleep 3600;
} else {
  connect($socket, pack_sockaddr_un($path)) or die $!;
  open(my $given, '+<', $file) or die "$file: $!";
  my $control = pack('Q l l l x4', 20, SOL_SOCKET, 1, fileno $given);
  my $message = pack('Q L x4 P Q P Q L x4', 0, 0, $data, 1, $control, 24, 0);
  call('sendmsg', fileno $socket, $message, 0);
}
