import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {shareNames} from '../../src/foundation/share.ts';
import {environmentInside, sharedFiles} from '../../src/vault/outer-services.ts';

describe('The environment of a session', () => {
  const outside = {
    PATH: '/usr/bin',
    SSH_AUTH_SOCK: '/run/user/1000/ssh',
    SSH_AGENT_PID: '1',
    GPG_AGENT_INFO: 'x',
    GNOME_KEYRING_CONTROL: '/run/user/1000/keyring',
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/user/1000/bus',
    KRB5CCNAME: 'KEYRING:persistent:1000',
    WAYLAND_DISPLAY: 'wayland-0',
    PULSE_SERVER: 'unix:/run/user/1000/pulse/native',
    NVIM: '/run/user/1000/nvim.1.0',
    VSCODE_IPC_HOOK_CLI: '/run/user/1000/vscode.sock',
    GIT_ASKPASS: '/opt/code/askpass.sh',
    DIRENV_DIFF: 'x',
    DIRENV_DIR: '-/project',
    DIRENV_LOG_FORMAT: '',
    __MISE_DIFF: 'x',
    GPG_TTY: '/dev/pts/3',
  };

  it('has no variable that leads to an agent or a service outside', () => {
    expect(environmentInside(outside, [])).to.deep.equal({PATH: '/usr/bin', DIRENV_LOG_FORMAT: ''});
  });

  it('keeps those of a service that is shared, and of no other', () => {
    const inside = environmentInside(outside, ['ssh-agent']);
    expect(inside).to.include({SSH_AUTH_SOCK: '/run/user/1000/ssh', SSH_AGENT_PID: '1'});
    expect(inside).not.to.have.any.keys('DBUS_SESSION_BUS_ADDRESS', 'KRB5CCNAME', 'NVIM');
  });

  it('never has what hooks of direnv and mise have noted outside, nor the name of the outer terminal', () => {
    expect(environmentInside(outside, shareNames)).not.to.have.any.keys(
      ...['DIRENV_DIFF', 'DIRENV_DIR', '__MISE_DIFF', 'GPG_TTY'],
    );
  });
});

describe('The files that a session shares with the login', () => {
  let folder: string;
  const servers: ReturnType<typeof createServer>[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-run-'));
  });

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    rmSync(folder, {recursive: true});
  });

  async function listen(path: string): Promise<void> {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(join(folder, path), resolve));
  }

  it('are the sockets in its runtime directory that are there', async () => {
    mkdirSync(join(folder, 'pulse'));
    await listen('pulse/native');
    await listen('bus');
    const environment = {XDG_RUNTIME_DIR: folder};
    expect(sharedFiles(environment, [])).to.deep.equal([]);
    expect(sharedFiles(environment, ['pipewire', 'wayland'])).to.deep.equal([
      {from: join(folder, 'pulse/native'), name: 'pulse/native'},
    ]);
    expect(sharedFiles(environment, ['dbus'])).to.deep.equal([{from: join(folder, 'bus'), name: 'bus'}]);
  });

  it('are found behind links, as on WSL, where the display is a link', async () => {
    await listen('real');
    symlinkSync('real', join(folder, 'wayland-1'));
    expect(sharedFiles({XDG_RUNTIME_DIR: folder, WAYLAND_DISPLAY: 'wayland-1'}, ['wayland'])).to.deep.equal([
      {from: join(folder, 'real'), name: 'wayland-1'},
    ]);
  });

  it('are not those elsewhere, which the session can reach anyway, and no directories', () => {
    writeFileSync(join(folder, 'agent'), '');
    mkdirSync(join(folder, 'run/bus'), {recursive: true});
    const environment = {XDG_RUNTIME_DIR: join(folder, 'run'), SSH_AUTH_SOCK: join(folder, 'agent')};
    expect(sharedFiles(environment, ['ssh-agent', 'dbus'])).to.deep.equal([]);
  });
});
