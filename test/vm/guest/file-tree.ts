import {spawnSync} from 'node:child_process';

/** Runs a script of bash and returns its output. Throws when it fails or complains. */
export function sh(script: string): string {
  const {status, stdout, stderr} = spawnSync('bash', ['-c', script], {encoding: 'utf8', maxBuffer: 64 * 1024 * 1024});
  if (status !== 0 || stderr !== '') throw new Error(`${script}\nended with ${status}: ${stderr}`);
  return stdout;
}

/**
 * Fills a directory with a few thousand small files and with one of everything else that ext4 can hold. Root's powers are
 * needed for some. The same `seed` gives the same tree, but for the times.
 */
export function makeTree(folder: string, {files, seed}: {readonly files: number; readonly seed: number}): void {
  sh(`mkdir -p ${folder} && cd ${folder} && perl -e '
    srand(${seed});
    for my $i (0 .. ${files} - 1) {
      my $folder = "folder-" . ($i % 40);
      mkdir $folder;
      open(my $file, ">", "$folder/file-$i") or die;
      print $file pack("L*", map { int rand 4294967295 } 1 .. int rand 300);
      close $file;
      chmod int(rand 512), "$folder/file-$i";
      utime 0, 1e9 + $i + 0.5, "$folder/file-$i";
    }
    my $deep = "deep";
    for (1 .. 30) { mkdir $deep; $deep .= "/" . "d" x 20 }
    open(my $long, ">", "l" x 255) or die;
    open(my $odd, ">", "odd \\x27\\"\\\\ \\xff\\xfe name") or die;
  '`);
  sh(`cd ${folder}
    truncate -s 16M sparse && echo middle | dd of=sparse bs=4096 seek=2000 conv=notrunc status=none
    echo program >program; cp program setuid; cp program setgid; chown 12345:54321 setuid setgid
    chmod 4755 setuid; chmod 2755 setgid; mkdir sticky && chmod 1777 sticky
    cp program capable && setcap cap_net_bind_service+ep capable
    cp program attributed && setfattr -n user.comment -v 'a comment' attributed
    setfattr -n user.binary -v 0x00ff00ff attributed; setfattr -n trusted.tazpod -v x attributed
    head -c 3000 /dev/zero | tr '\\0' v >value; setfattr -n user.large -v "$(cat value)" sticky
    ln program linked; ln -s program short; ln -s "$(printf 'x%.0s' {1..200})" long; mkfifo fifo; mknod null c 1 3
    chown -h 70000:70001 short; touch -d '1950-01-01 00:00:00.123456789' old; touch empty`);
}

/** A line for each property of each thing below a directory: two trees are the same when these are. */
export function describeTree(folder: string): string[] {
  return sh(`cd ${folder}
    find . -mindepth 1 -type d -printf '%p %m %U:%G %T@\\n' -o -printf '%p %y %m %U:%G %n %s %T@ %l\\n'
    find . -type f -print0 | xargs -0 sha256sum
    find . -type c -exec stat -c '%n %t:%T' {} +
    getfattr -R -h -d -m - -e hex * | awk '/^# file: / { name = $0; next } NF { print name, $0 }'`)
    .split('\n')
    .sort();
}

/** What one tree has and the other has not. */
export function differences(one: readonly string[], other: readonly string[]): string[] {
  const [ofOne, ofOther] = [new Set(one), new Set(other)];
  return [
    ...one.filter((line) => !ofOther.has(line)).map((line) => `- ${line}`),
    ...other.filter((line) => !ofOne.has(line)).map((line) => `+ ${line}`),
  ];
}
