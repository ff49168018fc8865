# A process of the user's outside, which sends signals. Reads one order a line, "SIGNAL PATTERN MILLISECONDS", and sends
# the signal to every process that it may send it to and whose command line matches: once, or for that time again and
# again to those that would not die of it. Answers with one line: the number of signals that were sent, and the names of the programs that got one.
#
# It leaves out itself and the CLI, which is outside as well.
use strict;
use warnings;
use Time::HiRes qw(sleep time);

$| = 1;
while (my $line = <STDIN>) {
  my ($signal, $pattern, $milliseconds) = split /\t/, $line =~ s/\n//r;
  my ($count, %names) = (0);
  my $end = time + $milliseconds / 1000;
  do {
    opendir my $proc, '/proc' or die "/proc: $!";
    for my $pid (grep { /^\d+$/ && $_ != $$ } readdir $proc) {
      # An EPERM is the answer for nearly all of them, and costs nothing.
      next if !kill 0, $pid;
      my $command = commandOf($pid);
      next if $command !~ /$pattern/ || $command =~ m{/bin/run\.js } || $milliseconds && !minds($pid);
      next if !kill $signal, $pid;
      $count++;
      $names{$command =~ m{/(launch|bridge-worker|main)\.[jt]s} ? $1 : $command =~ m{^(?:\S*/)?(\S+)} ? $1 : '?'} = 1;
    }
    sleep 0.001 if $milliseconds;
  } while (time < $end);
  print join(' ', $count, sort keys %names), "\n";
}

# Whether a process has a handler for SIGUSR1, or blocks it.
sub minds {
  open my $file, '<', "/proc/$_[0]/status" or return 0;
  local $/;
  return (<$file> // '') =~ /^Sig(?:Blk|Cgt):\s*[\da-f]*[2367abef][\da-f]{2}$/m;
}

sub commandOf {
  open my $file, '<', "/proc/$_[0]/cmdline" or return '';
  local $/;
  return (<$file> // '') =~ tr/\0/ /r;
}
