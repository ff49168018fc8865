import {spawn} from 'node:child_process';
import {basename} from 'node:path';
import {expect} from 'chai';
import {needsRoot} from '../bed/owner.ts';
import {until} from '../bed/until.ts';
import {skip} from '../skip.ts';
import {buildDeb, buildTarball, withVersion} from './built.ts';
import {NoDebian} from '../bed/debian-base.ts';
import {packageSource} from '../bed/package-source.ts';
import {type DebianRoot, type RootEnded, startDebian} from './debian-root.ts';

/** A registry that nobody runs: what is installed then came with the package. */
const offline = {TAZPOD_NPM_REGISTRY: 'http://127.0.0.1:9/'};

const quick = '--passphrase-file ../pw --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --size 32M';

/** Minutes of work run on their own, by `npm run test:package`; `npm test` has a part of it, on one release. */
const isWhole = process.env['TAZPOD_TEST_PACKAGE'] === 'whole';
const suites = isWhole ? ['bookworm', 'trixie'] : [packageSource()?.suite ?? 'bookworm'];
const wholeOnly = isWhole ? it : () => {};

for (const suite of suites) {
  describe(`The Debian package on ${suite}`, function () {
    this.timeout(600_000);
    let debian: DebianRoot;
    let deb: string;

    before(async function () {
      needsRoot(this);
      try {
        debian = await startDebian(suite);
      } catch (error) {
        if (!(error instanceof NoDebian)) throw error;
        return skip(this, error.message);
      }
      const built = buildDeb();
      deb = built.path;
      // Of which the Node.js is 121 MiB.
      expect(Number(/([\d.]+) MiB installed/.exec(built.said)![1]), built.said).to.be.below(145);
      debian.put(deb, `/tmp/${basename(deb)}`);
      done(debian.run(['apt-get', '-qq', 'update']));
      const installed = done(debian.run(['apt-get', '-qq', '--yes', 'install', `/tmp/${basename(deb)}`]));
      expect(installed.stdout).to.include('tazpod doctor');
      const rule = done(debian.asUser('tazpod doctor --sudoers'));
      done(debian.run(['sh', '-c', 'umask 0337; cat >/etc/sudoers.d/tazpod'], {input: rule.stdout}));
      done(debian.run(['visudo', '--check', '--quiet']));
      done(debian.asUser('echo correct horse battery staple >pw; chmod 600 pw'));
    });

    after(() => debian.stop());

    it('gives a normal user a sealed vault with sudo as it comes', () => {
      const tour = done(debian.asUser('tazpod tour'));

      expect(tour.stdout).to.match(/^Inside the ghost$/m);
      expect(tour.stderr).to.match(/Seal the session: sealed/);
      expect(tour.stderr).not.to.include('The isolation is private');
    });

    it('installs its plugins without a registry, and pulls with one of them', () => {
      done(debian.asUser('tazpod plugins install bash dotenv', {env: offline}));
      const secrets =
        'backends: {here: {type: dotenv, file: .env}}\nbackend: here\nsecrets: [{name: TOKEN, env: TOKEN}]\n';
      done(debian.asUser('mkdir -p project; cat >project/secrets.yml', {input: secrets}));
      done(debian.asUser('echo TOKEN=s3cret >project/.env'));
      done(debian.asUser(`cd project && tazpod vault create ${quick}`));
      done(debian.asUser('cd project && tazpod pull --no-shell --passphrase-file ../pw'));

      const told = done(debian.asUser('cd project && tazpod exec --passphrase-file ../pw -- printenv TOKEN'));
      expect(told.stdout).to.equal('s3cret\n');
    });

    wholeOnly('shows its manual pages with man, without a complaint of groff', () => {
      done(debian.run(['apt-get', '-qq', '--yes', 'install', 'man-db']));
      const pages = done(debian.asUser('cd /usr/share/man/man1 && ls tazpod*.1*')).stdout.trim().split('\n');
      for (const page of pages) {
        const name = page.replace(/\.1\.gz$/, '');
        const shown = done(debian.asUser(`MANWIDTH=100 man --warnings --pager=cat ${name}`));
        expect(shown.stderr, name).to.equal('');
        expect(shown.stdout, name).to.match(/^NAME$/m);
      }
      expect(done(debian.asUser('man --pager=cat tazpod')).stdout).to.match(/^ +77 +wrong passphrase/m);
      expect(done(debian.asUser('man --pager=cat tazpod-vault')).stdout).to.match(/^ +tazpod vault unlock$/m);
    });

    it('brings manual pages and completion', () => {
      const page = done(debian.run(['sh', '-c', 'zcat /usr/share/man/man1/tazpod-vault.1.gz']));
      expect(page.stdout).to.match(/^\.SS "tazpod vault unlock"$/m);

      const complete = [
        '. /usr/share/bash-completion/completions/tazpod',
        'COMP_WORDS=(tazpod vault un) COMP_CWORD=2',
        '$(complete -p tazpod | grep -o "_*tazpod[a-z_]*" | head -n 1)',
        'echo "${COMPREPLY[@]}"',
      ];
      expect(done(debian.asUser(complete.join('\n'))).stdout).to.equal('unlock\n');
    });

    wholeOnly('is upgraded while a vault is open, which stays open and loses nothing', async () => {
      const newer = withVersion(deb, '9.9.9');
      debian.put(newer, '/tmp/newer.deb');
      done(debian.asUser(`mkdir -p other && cd other && tazpod vault create ${quick}`));
      const line =
        'cd other && tazpod exec --passphrase-file ../pw -- sh -c "echo open; read -r line; echo $line >~/secrets/kept; cat ~/secrets/kept"';
      const [program, ...args] = debian.prefix;
      const user = ['setpriv', '--reuid=dev', '--regid=dev', '--init-groups', '--reset-env', 'bash', '--login', '-c'];
      const session = spawn(program!, [
        ...args,
        'env',
        '--chdir=/home/dev',
        ...user,
        line.replaceAll('$', String.raw`\$`),
      ]);
      let said = '';
      session.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      session.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      await until('the vault is open', () => /^open$/m.test(said), {withinMs: 60_000, seen: () => said});

      done(debian.run(['apt-get', '-qq', '--yes', 'install', '/tmp/newer.deb']));
      expect(debian.asUser('cd other && tazpod status').stdout).to.match(/open/);
      session.stdin.write('written after the upgrade\n');
      const code = await new Promise<number | null>((resolve) => session.once('exit', resolve));

      expect(code, said).to.equal(0);
      const again = done(debian.asUser('cd other && tazpod exec --passphrase-file ../pw -- cat ~/secrets/kept'));
      expect(again.stdout).to.equal('written after the upgrade\n');
    });

    it('leaves nothing but the user’s own files when it is purged', () => {
      done(debian.run(['apt-get', '-qq', '--yes', 'purge', 'tazpod']));

      const left = done(
        debian.run(['find', '/', '-xdev', '-name', '*tazpod*', '-not', '-path', '/home/*', '-not', '-path', '/tmp/*']),
      );
      expect(left.stdout.split('\n').filter((path) => !/^$|^\/(proc|sys|dev)\//.test(path))).to.deep.equal([]);
      expect(debian.asUser('ls project/.tazpod-vault').stdout).to.equal('vault.img\n');
    });

    wholeOnly('comes as a tarball for systems without Debian’s tools, and goes without a trace', () => {
      debian.put(buildTarball().path, '/tmp/tazpod.tar.xz');
      // What unpacks is the user's choice, and xz is not in every minimal system.
      done(debian.run(['apt-get', '-qq', '--yes', 'install', 'xz-utils']));
      done(debian.run(['sh', '-c', 'mkdir /root/away && mv /usr/bin/apt* /usr/bin/dpkg* /root/away/']));
      try {
        done(debian.run(['sh', '-c', 'mkdir /tmp/unpacked && tar -xJf /tmp/tazpod.tar.xz -C /tmp/unpacked']));
        const installed = done(debian.run(['sh', '-c', '/tmp/unpacked/*/install.sh']));
        expect(installed.stdout).to.include('TazPod is installed in /opt/tazpod');
        expect(installed.stdout).not.to.include('Missing programs');
        const rule = done(debian.asUser('tazpod doctor --sudoers'));
        done(debian.run(['sh', '-c', 'umask 0337; cat >/etc/sudoers.d/tazpod'], {input: rule.stdout}));

        expect(done(debian.asUser('tazpod tour')).stderr).to.match(/Seal the session: sealed/);

        expect(done(debian.asUser('tail -n 1 /usr/local/share/man/man1/tazpod-tour.1')).stdout).not.to.equal('');

        // A run before that was killed between its two renames.
        done(debian.run(['mv', '/opt/tazpod', '/opt/tazpod.old']));
        const again = done(debian.run(['sh', '-c', '/tmp/unpacked/*/install.sh']));
        expect(again.stdout).to.include('TazPod is installed in /opt/tazpod');
        expect(done(debian.run(['ls', '/opt'])).stdout).to.equal('tazpod\n');

        done(debian.run(['sh', '-c', '/tmp/unpacked/*/install.sh --uninstall']));
        expect(done(debian.run(['find', '/opt', '/usr/local', '-name', '*tazpod*'])).stdout).to.equal('');
      } finally {
        done(debian.run(['sh', '-c', 'mv /root/away/* /usr/bin/']));
      }
    });
  });
}

/** A command that must have succeeded. */
function done(ended: RootEnded): RootEnded {
  expect(ended.code, ended.stdout + ended.stderr).to.equal(0);
  return ended;
}
