# What must not be done: looks at a name, and opens it afterwards. `careless.pl PATH UID` says whether it once opened
# what does not belong to the uid although it had looked.
use strict;
use warnings;

my ($path, $uid) = @ARGV;
for (1 .. 500_000) {
  my @seen = lstat $path;
  next if !@seen || -l _ || $seen[4] != $uid;
  # As long as a program may well take between the two.
  select(undef, undef, undef, 0.0001);
  open(my $opened, '<', $path) or next;
  my @got = stat $opened;
  if ($got[4] != $uid) { print "tricked\n"; exit 0 }
}
print "lucky\n";
