# shellcheck shell=sh disable=SC1091,SC2016,SC2154,SC3045  # lib.sh is read at run time; ulimit -v and -n
# SPDX-License-Identifier: Apache-2.0
#
# limits.sh -- under the limits of a shell the host does what it does without the recorder, and is never
# killed by it. Whether there is a trace then is another matter.
. "$SOURCE_DIR/tests/real/lib.sh"
need perl
expect_trace=

work='perl -e "my %h; for my \$i (1..20000) { push @{\$h{\$i % 500}}, qq(v\$i) } print scalar(keys %h), qq(\n)"'

# The recorder needs a few MiB of address space itself; a host within that of its limit may lack them.
for megabytes in 24 32 48 64 96 128 256 512; do
    same "address space of $megabytes MiB" sh -c "ulimit -v $((megabytes * 1024)); $work"
done
for blocks in 0 1 8 64 1000; do
    same "files of $blocks blocks" sh -c "ulimit -f $blocks; $work"
done
# With no descriptor at all the loader cannot open the library, and says so itself.
for files in 6 8 16; do
    same "$files files" sh -c "ulimit -n $files; $work"
    # The host's own descriptors are the numbers it would have had.
    same "$files files, opened" sh -c "ulimit -n $files; perl -e 'my @f; while (open my \$f, q(<), q(/dev/null)) { push @f, \$f; print fileno(\$f), qq( ) } print qq(\$!\n)'"
done
same "no further process" sh -c "ulimit -u 1 2>/dev/null; $work"
same "stack of 256 KiB" sh -c "ulimit -s 256; $work"
same "no core" sh -c 'ulimit -c 0; perl -e "kill 11, \$\$"'
finish
