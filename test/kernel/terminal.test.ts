import {spawnSync} from 'node:child_process';
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {saveTerminal, terminalOf, type Terminal} from '../../src/kernel/terminal.ts';
import {skip} from '../skip.ts';

type Report = {
  input?: Terminal;
  output?: Terminal;
  standard?: Terminal;
  changed: boolean;
  refused: boolean;
  restored: boolean;
};

describe('the terminal of a descriptor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-terminal-'));
  const report = join(folder, 'report.json');
  after(() => rmSync(folder, {recursive: true}));

  const program = `'${process.execPath}' '${import.meta.dirname}/../children/print-terminal.ts' '${report}'`;

  /** The report of print-terminal.ts, run by a shell line on a terminal of its own. */
  function onTerminal(line = program): Report {
    const {status, stdout} = spawnSync('script', ['-qec', line, '/dev/null'], {encoding: 'utf8'});
    expect(status, stdout).to.equal(0);
    return JSON.parse(readFileSync(report, 'utf8')) as Report;
  }

  it('is named with its device, owner and mode', () => {
    const {input, output, standard} = onTerminal();
    expect(input!.path).to.match(/^\/dev\/pts\/\d+$/);
    expect(input).to.include({descriptor: 0, pseudo: true, ownerUid: process.getuid!()});
    expect(input!.major).to.be.within(136, 143);
    expect(input!.mode & 0o700).to.equal(0o600);
    expect(output).to.deep.equal({...input, descriptor: 1});
    expect(standard).to.deep.equal(input);
  });

  it('has no name when it was opened as /dev/tty, which is everybody’s; the next descriptor tells then', () => {
    const {input, output, standard} = onTerminal(`${program} </dev/tty`);
    expect(input).to.equal(undefined);
    expect(standard).to.deep.equal(output);
  });

  it('has no name where another terminal of the same name is', function () {
    if (process.getuid!() !== 0) skip(this, 'only root mounts a devpts');
    // Terminals of the new /dev/pts are made until there is one of each low number, also of the outer one's.
    const another =
      'mount -t devpts -o newinstance devpts /dev/pts; for n in 3 4 5 6 7 8 9; do eval "exec $n<>/dev/pts/ptmx"; done';
    writeFileSync(join(folder, 'line.sh'), `${another}; ${program}`);
    const {input, standard} = onTerminal(`unshare --mount sh '${join(folder, 'line.sh')}'`);
    expect(input).to.equal(undefined);
    expect(standard).to.equal(undefined);
  });

  it('is undefined for a file, a pipe and /dev/null', () => {
    const fd = openSync('/dev/null', 'r');
    expect(terminalOf(fd)).to.equal(undefined);
    closeSync(fd);
    const {stdout} = spawnSync(
      process.execPath,
      [
        '--input-type=module-typescript',
        '--eval',
        `import {terminalOf} from '${import.meta.dirname}/../../src/kernel/terminal.ts'; console.log(terminalOf(0), terminalOf(1));`,
      ],
      {input: '', encoding: 'utf8'},
    );
    expect(stdout).to.equal('undefined undefined\n');
  });

  it('gets its settings back', () => {
    const {changed, restored} = onTerminal();
    expect({changed, restored}).to.deep.equal({changed: true, restored: true});
  });

  it('is given no settings that stty could take for something else', async () => {
    expect(onTerminal().refused).to.equal(true);
    const fd = openSync('/dev/null', 'r');
    const error = await saveTerminal(fd).catch((reason: unknown) => (reason as Error).message);
    closeSync(fd);
    expect(error).to.equal('The settings of the terminal cannot be read.');
  });
});
