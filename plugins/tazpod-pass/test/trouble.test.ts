import {chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {until} from '../../../test/bed/until.ts';
import backend from '../src/backend.ts';
import {contextOf, makeStore, owner, type Store, troubleOf, valuesOf} from './bed.ts';

const everything = {path: '/', recursive: true};

describe('A sentence reports what goes wrong with pass:', () => {
  let store: Store;

  before(() => {
    store = makeStore('the passphrase');
    store.pass(['insert', '--multiline', 'clients/token'], 'the value');
    store.endAgent();
  });
  after(() => store.remove());

  /** Programs of these names that come before the real ones. */
  function withPrograms(programs: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const folder = join(store.home, 'programs');
    rmSync(folder, {recursive: true, force: true});
    mkdirSync(folder);
    for (const [name, script] of Object.entries(programs)) {
      writeFileSync(join(folder, name), script);
      chmodSync(join(folder, name), 0o755);
    }
    return {...store.environment, PATH: `${folder}:${store.environment['PATH']}`};
  }

  it('a locked key, at once and without a prompt, and how to unlock it', async () => {
    const asked = join(store.home, 'asked');
    const environment = withPrograms({pinentry: `#!/bin/sh\ntouch ${asked}\n`});
    const trouble = await troubleOf(backend.readFolder({...contextOf(store), environment}, everything));
    expect(trouble).to.include({
      kind: 'not-logged-in',
      what: `The key for "${owner}" is locked: gpg has to ask for its passphrase.`,
      next: 'tazpod login pass',
    });
    expect(existsSync(asked)).to.equal(false);
  });

  it('and after a login, where gpg asks for the passphrase, it is no longer locked', async () => {
    const pinentry = join(store.home, 'pinentry');
    // The protocol of pinentry: each line is answered, and the passphrase given when it is asked for.
    writeFileSync(
      pinentry,
      '#!/bin/sh\necho OK\nwhile read -r line; do\n  case $line in\n' +
        "    GETPIN*) echo 'D the passphrase'; echo OK ;;\n    BYE*) echo OK; exit ;;\n    *) echo OK ;;\n  esac\ndone\n",
    );
    chmodSync(pinentry, 0o755);
    writeFileSync(join(store.environment['GNUPGHOME']!, 'gpg-agent.conf'), `pinentry-program ${pinentry}\n`);
    store.endAgent();
    // A secret of another key comes first in the store; what is wanted is what counts.
    mkdirSync(join(store.folder, 'another'));
    writeFileSync(join(store.folder, 'another/first.gpg'), 'of somebody else');
    const answer = await backend.login!(contextOf(store), {
      ask: () => Promise.reject(new Error('asked')),
      askSecret: () => Promise.reject(new Error('asked')),
      wanted: [{path: '/clients', recursive: false, names: ['token']}],
    });
    rmSync(join(store.folder, 'another'), {recursive: true});
    expect(answer).to.deep.equal({identity: owner});
    expect(valuesOf(await backend.readFolder(contextOf(store), everything))).to.deep.equal({
      '/clients/token': 'the value',
    });
    store.endAgent();
  });

  it('a key that is not here', async () => {
    const other = makeStore();
    const environment = {...other.environment, PASSWORD_STORE_DIR: store.folder};
    const trouble = await troubleOf(backend.readFolder({...contextOf(other), environment}, everything));
    expect(trouble).to.deep.equal({
      kind: 'no-permission',
      what: 'The secret key for "clients/token" is missing.',
      why: `It was encrypted for "${owner}".`,
      next: 'gpg --import KEY-FILE',
    });
    other.remove();
  });

  it('no store, no folder, and a login without any secret', async () => {
    const nowhere = contextOf(store, {store: 'nowhere'});
    const trouble = await troubleOf(backend.readFolder(nowhere, everything));
    expect(trouble).to.include({
      kind: 'unavailable',
      what: `There is no password store at "${store.home}/nowhere".`,
      next: 'pass init GPG-ID',
    });
    const missing = await troubleOf(backend.readFolder(contextOf(store), {path: '/nope', recursive: false}));
    expect(missing).to.include({kind: 'not-found', what: 'The password store has no directory "/nope".'});
    mkdirSync(join(store.home, 'empty'));
    const empty = contextOf(store, {store: '~/empty'});
    const nobody = () => Promise.reject(new Error('asked'));
    expect((await troubleOf(backend.login!(empty, {ask: nobody, askSecret: nobody}))).kind).to.equal('not-found');
  });

  it('a file that gpg has not encrypted', async () => {
    const file = join(store.folder, 'broken.gpg');
    writeFileSync(file, 'plain');
    const trouble = await troubleOf(backend.readFolder(contextOf(store), {...everything, names: ['broken']}));
    expect(trouble).to.include({kind: 'not-found', what: 'The file of "broken" is not encrypted with gpg.'});
    rmSync(file);
  });

  it('pass that is not installed, and gpg that is not', async () => {
    const bare = {...contextOf(store), environment: {...store.environment, PATH: '/nowhere'}};
    expect(await troubleOf(backend.readFolder(bare, everything))).to.include({
      kind: 'unavailable',
      what: 'The program pass cannot be run.',
      next: 'apt-get install pass',
    });
    const environment = withPrograms({gpg: '#!/bin/sh\necho "gpg: command not found" >&2\nexit 127\n'});
    const trouble = await troubleOf(backend.readFolder({...contextOf(store), environment}, everything));
    expect(trouble.what).to.equal('The program gpg, which pass needs, cannot be run.');
  });

  it('a gpg that never answers', async () => {
    const environment = withPrograms({gpg: '#!/bin/sh\nexec sleep 600\n'});
    const context = {...contextOf(store), environment, timeoutMs: 300};
    const trouble = await troubleOf(backend.readFolder(context, everything));
    expect(trouble.what).to.equal('pass did not answer within 0.3 s.');
  });

  it('a pull that nobody waits for, which ends with all that pass has started', async () => {
    const pidFile = join(store.home, 'pid');
    const environment = withPrograms({
      gpg: `#!/bin/sh\necho $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}\nexec sleep 600\n`,
    });
    const controller = new AbortController();
    const context = {...contextOf(store), environment, signal: controller.signal};
    const trouble = troubleOf(backend.readFolder(context, everything));
    await until('pass has started gpg', () => existsSync(pidFile));
    controller.abort();
    expect((await trouble).what).to.equal('pass was stopped: the request was cancelled.');
    const pid = readFileSync(pidFile, 'utf8').trim();
    await until('gpg has ended', () => !existsSync(`/proc/${pid}/exe`) || undefined);
  });

  it('nothing of the user’s environment makes bash, in which pass is written, run something else', async () => {
    const script = join(store.home, 'script');
    const ran = join(store.home, 'ran');
    writeFileSync(script, `touch ${ran}\n`);
    const environment = {
      ...store.environment,
      BASH_ENV: script,
      ENV: script,
      'BASH_FUNC_which%%': `() { touch ${ran}; }`,
    };
    await troubleOf(backend.readFolder({...contextOf(store), environment}, everything));
    expect(existsSync(ran)).to.equal(false);
  });

  it('and invalid settings', async () => {
    expect(backend.checkSettings!({})).to.deep.equal([]);
    expect(backend.checkSettings!({store: '~/store', content: 'file'})).to.deep.equal([]);
    for (const settings of [{store: 7}, {store: ''}, {content: 'all'}, {folder: 'x'}]) {
      expect(backend.checkSettings!(settings), JSON.stringify(settings)).to.have.lengthOf(1);
      const trouble = await troubleOf(backend.readFolder(contextOf(store, settings), everything));
      expect(trouble.kind).to.equal('settings');
    }
  });
});
