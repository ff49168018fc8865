# Exchanges two names, again and again, as fast as it can: `swapper.pl ONE OTHER`. Each exchange is one step for the
# kernel (RENAME_EXCHANGE), so that both names are always there.
use strict;
use warnings;
require(__FILE__ =~ s{[^/]*$}{syscalls.pl}r);

my ($one, $other) = @ARGV;
$| = 1;
print "swapping\n";
# AT_FDCWD. A pause after each, because two processors are not many.
while (1) {
  call('renameat2', -100, $one, -100, $other, 2);
  select(undef, undef, undef, 0.0002);
}
