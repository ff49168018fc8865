set -gx A ''new
set -gx B ''more
